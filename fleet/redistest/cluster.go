package redistest

import (
	"fmt"
	"strings"
	"testing"
)

// slots is how many hash slots a cluster has.
const slots = 16384

// Cluster is a Redis Cluster of masters that share the slots between them.
type Cluster struct{ Nodes []*Server }

// StartCluster starts so many nodes, and waits until all know all and the cluster serves its slots.
func StartCluster(t testing.TB, o Options, nodes int) *Cluster {
	t.Helper()
	c := &Cluster{}
	for i := range nodes {
		n := start(t, o, clusterNode)
		n.Do("CLUSTER", "SET-CONFIG-EPOCH", fmt.Sprint(i+1)) // two nodes of one epoch would have to settle it first
		n.Do("CLUSTER", "ADDSLOTSRANGE", fmt.Sprint(i*slots/nodes), fmt.Sprint((i+1)*slots/nodes-1))
		c.Nodes = append(c.Nodes, n)
	}
	for _, n := range c.Nodes[1:] {
		first := c.Nodes[0]
		n.Do("CLUSTER", "MEET", "127.0.0.1", fmt.Sprint(first.port), fmt.Sprint(first.port+busOffset))
	}
	for _, n := range c.Nodes {
		n.until("the cluster is whole", func() bool {
			info := n.Do("CLUSTER", "INFO")
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d\r", nodes))
		})
	}
	return c
}

// busOffset keeps the nodes' own connections among the ports that freePort looks at.
const busOffset = 10000

func clusterNode(s *Server) []string {
	lines := []string{"cluster-enabled yes", "cluster-node-timeout 2000", fmt.Sprintf("cluster-port %d", s.port+busOffset)}
	if s.options.CA != nil {
		lines = append(lines, "tls-cluster yes")
	}
	return lines
}

// Owner is the node that has a key's slot.
func (c *Cluster) Owner(key string) *Server {
	first := c.Nodes[0]
	first.t.Helper()
	slot := first.Do("CLUSTER", "KEYSLOT", key)
	for _, n := range c.Nodes {
		if owns(n.Do("CLUSTER", "NODES"), slot) {
			return n
		}
	}
	first.t.Fatalf("no node has the slot of %q", key)
	return nil
}

// owns reports whether the line of the node that was asked has the slot: words like 0-5460 or 77 after the first eight.
func owns(nodes, slot string) bool {
	var at int
	_, _ = fmt.Sscan(slot, &at)
	for line := range strings.Lines(nodes) {
		words := strings.Fields(line)
		if !strings.Contains(line, "myself") || len(words) < 8 {
			continue
		}
		for _, word := range words[8:] {
			var from, to int
			if n, _ := fmt.Sscanf(word, "%d-%d", &from, &to); n == 1 {
				to = from
			}
			if !strings.HasPrefix(word, "[") && from <= at && at <= to {
				return true
			}
		}
	}
	return false
}

// Move moves the slot of a key, with all that is in it, to another node.
func (c *Cluster) Move(key string, to *Server) {
	to.t.Helper()
	from := c.Owner(key)
	slot := from.Do("CLUSTER", "KEYSLOT", key)
	to.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", from.Do("CLUSTER", "MYID"))
	from.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", to.Do("CLUSTER", "MYID"))
	for _, k := range strings.Fields(from.Do("CLUSTER", "GETKEYSINSLOT", slot, "1000000")) {
		from.Do(append([]string{"MIGRATE", "127.0.0.1", fmt.Sprint(to.port), k, "0", "5000"}, from.auth()...)...)
	}
	for _, n := range append([]*Server{to, from}, c.Nodes...) { // the new owner first
		n.Do("CLUSTER", "SETSLOT", slot, "NODE", to.Do("CLUSTER", "MYID"))
	}
}

func (s *Server) auth() []string {
	if s.options.Password == "" {
		return nil
	}
	return []string{"AUTH", s.options.Password}
}
