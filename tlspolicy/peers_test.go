package tlspolicy

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"tollgate/internal/testpki"
)

// pki is made once: RSA keys are slow to make.
var pki = sync.OnceValue(func() *testPKI {
	ca := testpki.Must(testpki.New())
	return &testPKI{
		ca:     ca,
		ecdsa:  testpki.Must(ca.Server("tollgate.test")),
		rsa:    testpki.Must(ca.ServerRSA("tollgate.test")),
		client: testpki.Must(ca.Client("billing-app", "spiffe://corp/billing")),
	}
})

type testPKI struct {
	ca                 *testpki.CA
	ecdsa, rsa, client tls.Certificate
}

func (p *testPKI) pool() *x509.CertPool { return p.ca.Pool() }

// both serves the certificate that the peer can use.
func (p *testPKI) both(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if h.SupportsCertificate(&p.ecdsa) == nil {
		return &p.ecdsa, nil
	}
	return &p.rsa, nil
}

// outcome is what came of one connection on which the client sends "ping" and the server answers "pong".
type outcome struct {
	client, server       tls.ConnectionState
	clientErr, serverErr error
	served               bool   // the server read the request
	answered             bool   // the client read the answer
	received             []byte // application data that the server read
}

// connect makes a connection over loopback. Both sides' handshakes run to their ends.
func connect(t *testing.T, serverConfig, clientConfig *tls.Config) outcome {
	t.Helper()
	clientSide, serverSide := tcpPair(t)
	var o outcome
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn := tls.Server(serverSide, serverConfig)
		defer func() { _ = conn.Close() }()
		if o.serverErr = conn.Handshake(); o.serverErr != nil {
			return
		}
		o.server = conn.ConnectionState()
		request := make([]byte, 4)
		n, err := io.ReadFull(conn, request)
		o.received, o.serverErr = request[:n], err
		if o.serverErr == nil {
			o.served = true
			_, o.serverErr = conn.Write([]byte("pong"))
		}
	}()
	conn := tls.Client(clientSide, clientConfig)
	o.clientErr = ping(conn)
	o.answered = o.clientErr == nil
	o.client = conn.ConnectionState()
	_ = conn.Close()
	<-done
	return o
}

func ping(conn *tls.Conn) error {
	if err := conn.Handshake(); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("ping")); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, 4))
	return err
}

func tcpPair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	client, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second) // a hang becomes a failure
	_, _ = client.SetDeadline(deadline), server.SetDeadline(deadline)
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	return client, server
}

// peerClient is a client of any policy or none, that trusts the test CA.
func peerClient(change func(*tls.Config)) *tls.Config {
	config := &tls.Config{RootCAs: pki().pool(), ServerName: "tollgate.test", MinVersion: tls.VersionTLS10}
	change(config)
	return config
}

// peerServer is a server of any policy or none.
func peerServer(change func(*tls.Config)) *tls.Config {
	config := &tls.Config{GetCertificate: pki().both, MinVersion: tls.VersionTLS10}
	change(config)
	return config
}

func (p *Policy) testServer() *tls.Config { return p.Server(Server{GetCertificate: pki().both}) }

// ticketServer takes the tickets of every other configuration with the same t.
func (p *Policy) ticketServer(t *tickets) *tls.Config {
	return p.server(Server{GetCertificate: pki().both}, t)
}

func (p *Policy) testClient() *tls.Config {
	return p.Client(Client{ServerName: "tollgate.test", RootCAs: pki().pool()})
}

func mustNamed(t testing.TB, name string) *Policy {
	t.Helper()
	p, err := Named(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustNew(t testing.TB, name string, c Config) *Policy {
	t.Helper()
	p, err := New(name, c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func aes256(t testing.TB) *Policy {
	return mustNew(t, "aes-256", Config{CipherSuites: []string{
		"ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_AES_256_GCM_SHA384",
	}})
}
