package redistest

import (
	"fmt"
	"strings"
	"testing"
)

// Replica starts a server that replicates s, and waits until it has all of it.
func (s *Server) Replica() *Server {
	s.t.Helper()
	replica := start(s.t, s.options, func(*Server) []string {
		lines := []string{fmt.Sprintf("replicaof 127.0.0.1 %d", s.port)}
		if s.options.Password != "" {
			lines = append(lines, "masterauth "+s.options.Password)
		}
		return lines
	})
	replica.until("the replica has all data", func() bool { return replica.Info("master_link_status") == "up" })
	return replica
}

// Sentinel is a process of Redis Sentinel that watches a master and its replicas.
type Sentinel struct {
	*Server
	name string
}

// StartSentinel starts a Sentinel under whose eyes a master has a name. It waits until it knows as many replicas as there are.
// It has the options of the master: its TLS, and its password, which is the master's too.
func StartSentinel(t testing.TB, name string, master *Server, replicas int) *Sentinel {
	t.Helper()
	server := start(t, Options{CA: master.options.CA, Password: master.options.Password}, func(s *Server) []string {
		s.sentinel = true
		lines := []string{fmt.Sprintf("sentinel monitor %s 127.0.0.1 %d 1", name, master.port),
			"sentinel down-after-milliseconds " + name + " 500", "sentinel failover-timeout " + name + " 5000"}
		if master.options.Password != "" {
			lines = append(lines, "sentinel auth-pass "+name+" "+master.options.Password)
		}
		return lines
	})
	s := &Sentinel{server, name}
	s.until("Sentinel knows the replicas", func() bool {
		return strings.Count(s.Do("SENTINEL", "REPLICAS", name), "slave-priority") == replicas
	})
	return s
}

// Master is the address of the master as Sentinel knows it.
func (s *Sentinel) Master() string {
	s.t.Helper()
	return strings.Join(strings.Fields(s.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", s.name)), ":")
}

// Failover makes Sentinel promote a replica to master, and waits until it is.
func (s *Sentinel) Failover() {
	s.t.Helper()
	before := s.Master()
	s.until("Sentinel begins a failover", func() bool {
		_, err := s.cli("SENTINEL", "FAILOVER", s.name) // it refuses until it has seen that a replica is fit for it
		return err == nil
	})
	s.AwaitFailover(before)
}

// AwaitFailover waits until another server than the one of this address is the master, as it is some time after that one was killed.
func (s *Sentinel) AwaitFailover(before string) {
	s.t.Helper()
	s.until("another master", func() bool { return s.Master() != before })
}
