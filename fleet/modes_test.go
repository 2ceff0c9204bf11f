package fleet

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tollgate/fleet/redistest"
	"tollgate/internal/secret"
	"tollgate/internal/setting"
	"tollgate/internal/testpki"
	"tollgate/tlspolicy"
)

// as is a login.
func as(username, password string) login {
	return func() (string, secret.String, error) { return username, secret.New(password), nil }
}

// TestSentinel: after a failover the next epoch begins on the new master, with what the member knows.
func TestSentinel(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{Password: "p"})
	s.Replica()
	sentinel := redistest.StartSentinel(t, "main", s, 1)
	o := options("a", sentinel.Address(), "a")
	o.Addresses = append([]setting.Endpoint{{Host: "127.0.0.1", Port: 1}}, o.Addresses...) // none listens there
	o.Master, o.Login, o.SentinelLogin = "main", as("", "p"), as("", "p")
	k := &keeper{knows: 5}
	m := run(t, o, k)
	m.inEpoch(1)
	if got := m.State().Server; got != s.Address() {
		t.Errorf("asks %s", got)
	}
	k.learn(7)
	sentinel.Failover()
	m.inEpoch(2)
	if got := m.State().Server; got != sentinel.Master() || got == s.Address() {
		t.Errorf("after the failover it asks %s", got)
	}
	if got := m.count("x"); got != 7 {
		t.Errorf("the count is %d", got)
	}
}

func TestSentinelKnowsNot(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	sentinel := redistest.StartSentinel(t, "main", s, 0)
	o := options("a", sentinel.Address(), "a")
	o.Master = "other"
	run(t, o).away(`no master "other"`)
}

// TestCluster: the node of the slot is found from any node, and again when the slot moves.
func TestCluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, redistest.Options{}, 3)
	o := options("a", cluster.Nodes[0].Address(), "a")
	for _, node := range cluster.Nodes[1:] {
		to, _ := endpoint(node.Address())
		o.Addresses = append(o.Addresses, to)
	}
	k := &keeper{knows: 5}
	m := run(t, o, k)
	m.inEpoch(1)
	owner := cluster.Owner("{tollgate}")
	if got := m.State().Server; got != owner.Address() {
		t.Errorf("asks %s, and the slot is with %s", got, owner.Address())
	}
	i := slices.Index(cluster.Nodes, owner)
	next := cluster.Nodes[(i+1)%3]
	cluster.Move("{tollgate}", next)
	await(t, "the new node", func() bool { return m.State().Up && m.State().Server == next.Address() })
	m.inEpoch(2)
	if got := m.count("x"); got != 5 {
		t.Errorf("the count is %d", got)
	}
	run(t, options("b", cluster.Nodes[i].Address(), "a", "b")).away("this is a cluster")
}

func TestTLS(t *testing.T) {
	ca, other := testpki.Must(testpki.New()), testpki.Must(testpki.New())
	s := redistest.Start(t, redistest.Options{CA: ca, Clients: true, Password: "p"})
	policy := testpki.Must(tlspolicy.Named(tlspolicy.Default))
	certificate := []tls.Certificate{testpki.Must(ca.Client("a"))}
	for name, c := range map[string]struct {
		client tlspolicy.Client
		why    string
	}{
		"good":           {tlspolicy.Client{RootCAs: ca.Pool(), Certificates: certificate}, ""},
		"other name":     {tlspolicy.Client{RootCAs: ca.Pool(), Certificates: certificate, ServerName: "redis.other"}, "fleet.redis.tls.server_name says"},
		"other CA":       {tlspolicy.Client{RootCAs: other.Pool(), Certificates: certificate}, "fleet.redis.tls.ca has other authorities"},
		"no certificate": {tlspolicy.Client{RootCAs: ca.Pool()}, s.Address()},
	} {
		o := options("a", s.Address(), "a")
		o.Login, o.TLS = as("", "p"), func() *tls.Config { return policy.Client(c.client) }
		m := run(t, o)
		if c.why != "" {
			m.away(c.why)
		} else {
			m.up().ask(add("x"))
		}
		m.stop()
		_ = name
	}
}

// TestPlain: without TLS nothing goes beyond this machine, also where a sentinel names the address.
func TestPlain(t *testing.T) {
	run(t, options("a", "192.0.2.1:6379", "a")).away("TLS is needed")
}

// TestLogin: a wrong password and a user who may not do what is needed are different reasons, and a new password is read at the next connection.
func TestLogin(t *testing.T) {
	t.Parallel()
	users := []string{
		"good on >secret ~{tollgate}* +@all", "info on >secret ~{tollgate}* +@all -info", "keys on >secret ~other* +@all", "eval on >secret ~{tollgate}* +@all -@scripting",
		"least on >secret ~{tollgate}* +@read +@write +@connection -@scripting -@dangerous +eval +evalsha +info +time"}
	s := redistest.Start(t, redistest.Options{Password: "default", Users: users})
	for user, why := range map[string]string{"": "check fleet.redis.username and password", "good": "", "least": "", "info": "lists what it needs", "keys": "NOPERM", "eval": "NOPERM"} {
		o := options("a", s.Address(), "a")
		o.Login = as(user, "secret")
		m := run(t, o)
		if why != "" {
			m.away(why)
		} else {
			m.up().ask(add("x"))
		}
		m.stop()
	}

	file := filepath.Join(t.TempDir(), "password")
	o := options("a", s.Address(), "a")
	o.Login = func() (string, secret.String, error) {
		text, err := os.ReadFile(file)
		return "", secret.New(string(text)), err
	}
	m := run(t, o).away("password: ")
	write := func(password string) {
		if err := os.WriteFile(file, []byte(password), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("wrong-password")
	m.away("WRONGPASS")
	write("default")
	m.up()
}

// TestPasswordHidden: a server that repeats what it was sent does not bring the password into messages.
func TestPasswordHidden(t *testing.T) {
	err := explain(hide(fmt.Errorf("x: %w", failure("ERR unknown command 'AUTH', with args beginning with: 'sesame'")), secret.New("sesame")))
	if text := err.Error(); strings.Contains(text, "sesame") || !strings.HasPrefix(text, "ERR") {
		t.Error(err)
	}
}

// TestReplica: a read-only replica is not used, and the master that a replica becomes is.
func TestReplica(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	replica := s.Replica()
	m := run(t, options("a", replica.Address(), "a")).away("replica")
	replica.Do("REPLICAOF", "NO", "ONE")
	m.inEpoch(1)
	host, port, _ := strings.Cut(s.Address(), ":")
	replica.Do("REPLICAOF", host, port)
	m.away("replica")
	replica.Do("CONFIG", "SET", "replica-read-only", "no") // what is written there is lost all the same
	m.stop()
	run(t, options("a", replica.Address(), "a")).away("replica")
}

// TestNoRoom: a Redis that is full refuses scripts as a whole, and is away until it has room.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	m := run(t, options("a", s.Address(), "a")).up()
	s.Do("CONFIG", "SET", "maxmemory", "1")
	m.away("raise its maxmemory")
	s.Do("CONFIG", "SET", "maxmemory", "0")
	m.inEpoch(1)
}

// TestSockets: a Redis behind a unix socket.
func TestSockets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.sock")
	redistest.Start(t, redistest.Options{Config: []string{"unixsocket " + path}})
	o := options("a", "127.0.0.1:1", "a")
	o.Addresses = []setting.Endpoint{{Socket: path}}
	run(t, o).up().ask(add("x"))
}

// TestDatabase: the keys are in the database that is configured.
func TestDatabase(t *testing.T) {
	s := redistest.Start(t, redistest.Options{})
	o := options("a", s.Address(), "a")
	o.Database, o.Prefix = 3, "other"
	run(t, o).up()
	if got := s.Do("DBSIZE"); strings.TrimSpace(got) != "0" {
		t.Errorf("keys in database 0: %s", got)
	}
}

// TestSilence: that a server is silent is said in words, around what the system says.
func TestSilence(t *testing.T) {
	if err := explain(os.ErrDeadlineExceeded); !errors.Is(err, os.ErrDeadlineExceeded) || err.Error() != "it does not answer: i/o timeout" {
		t.Error(err)
	}
	if err := explain(net.ErrClosed); err != net.ErrClosed {
		t.Error(err)
	}
}
