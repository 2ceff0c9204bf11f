package upstream

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tollgate/internal/testpki"
	"tollgate/internal/testtls"
	"tollgate/tlspolicy"
)

// certificateAlerts are those that mean that the server has taken nothing of the request.
var certificateAlerts = []int{42, 43, 44, 45, 46, 48, 49, 116}

// tls13Origin shakes hands by TLS 1.3 with each connection, and leaves what comes then to the script.
func tls13Origin(t *testing.T, serve func(s *testtls.Server, raw net.Conn)) (target string, config *tls.Config) {
	t.Helper()
	ca := testpki.Must(testpki.New())
	certificate := testpki.Must(ca.Server("127.0.0.1"))
	target, _ = origin(t, func(c net.Conn, _ *bufio.Reader) {
		if s, err := testtls.Accept(c, &tls.Config{Certificates: []tls.Certificate{certificate}}); err == nil {
			serve(s, c)
		}
	})
	return strings.Replace(target, "http:", "https:", 1), clientConfig(ca)
}

// refusedBy makes a call and returns what is known of it.
func refusedBy(t *testing.T, transport *Transport, target, body string) (maybeSent bool, alert tlspolicy.Alert) {
	t.Helper()
	_, err := send(t, transport, request(t, "POST", target, body))
	failed, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("error %#v, want one that says what is known", err)
	}
	alert, _ = tlspolicy.AlertOf(err)
	if n := len(transport.pool.slots); n != 0 || transport.pool.open != 0 {
		t.Errorf("%d places are still taken, %d connections counted", n, transport.pool.open)
	}
	return failed.MaybeSent, alert
}

// TestEveryAlertAsTheFirstRecord: of all alerts that a server can send as its first record after the handshake of TLS 1.3, those
// about our certificate mean that nothing was taken, some tried also after it has read the request. All others leave it open.
func TestEveryAlertAsTheFirstRecord(t *testing.T) {
	type first struct {
		alert int
		read  bool
	}
	alerts := make(chan first, 1)
	target, config := tls13Origin(t, func(s *testtls.Server, _ net.Conn) {
		a := <-alerts
		if a.read {
			take(bufio.NewReader(s))
		}
		_ = s.Send(s.Alert(byte(a.alert)))
		_, _ = io.Copy(io.Discard, s) // the far end leaves first
	})
	transport := transportTo(t, target, config)
	var all []first
	for alert := range 256 {
		if alert != 90 { // crypto/tls passes user_canceled over and reads on
			all = append(all, first{alert, false})
		}
	}
	for _, alert := range append([]int{0, 10, 40, 47, 50, 80, 115, 117, 200}, certificateAlerts...) {
		all = append(all, first{alert, true})
	}
	for _, a := range all {
		alerts <- a
		maybeSent, alert := refusedBy(t, transport, target, "x")
		if want := !slices.Contains(certificateAlerts, a.alert); maybeSent != want || int(alert) != a.alert {
			t.Errorf("%+v: maybe sent %t, want %t; reported as %v", a, maybeSent, want, alert)
		}
	}
}

// TestCertificateAlertAfterSomethingElse: whatever came between the handshake and the alert, the server was at work with us.
func TestCertificateAlertAfterSomethingElse(t *testing.T) {
	type server = testtls.Server
	for name, records := range map[string]func(s *server) [][]byte{
		"a ticket":       func(s *server) [][]byte { return [][]byte{s.Ticket()} },
		"two tickets":    func(s *server) [][]byte { return [][]byte{s.Ticket(), s.Ticket()} },
		"half an answer": func(s *server) [][]byte { return [][]byte{s.Record(testtls.KindData, []byte("HTTP/1.1 200 OK\r\n"))} },
		"an informational": func(s *server) [][]byte {
			return [][]byte{s.Record(testtls.KindData, []byte("HTTP/1.1 100 x\r\n\r\n"))}
		},
		"an empty record":    func(s *server) [][]byte { return [][]byte{s.Record(testtls.KindData, nil)} },
		"user_canceled":      func(s *server) [][]byte { return [][]byte{s.Alert(90)} },
		"change_cipher_spec": func(*server) [][]byte { return [][]byte{{20, 3, 3, 0, 1, 1}} },
	} {
		for _, together := range []bool{true, false} {
			for _, number := range certificateAlerts {
				target, config := tls13Origin(t, func(s *server, _ net.Conn) {
					before := records(s)
					if together {
						_ = s.Send(append(before, s.Alert(byte(number)))...)
					} else {
						for _, record := range append(before, s.Alert(byte(number))) {
							_ = s.Send(record[:len(record)/2])
							_ = s.Send(record[len(record)/2:])
						}
					}
					_, _ = io.Copy(io.Discard, s)
				})
				if maybeSent, alert := refusedBy(t, transportTo(t, target, config), target, "x"); !maybeSent {
					t.Errorf("%s, then alert %d, in one piece %t: reported as not sent (%v)", name, number, together, alert)
				}
			}
		}
	}
}

// TestCertificateAlertWithMoreBehind: what follows the alert changes nothing, however it was cut on its way.
func TestCertificateAlertWithMoreBehind(t *testing.T) {
	for name, send := range map[string]func(*testtls.Server){
		"close_notify": func(s *testtls.Server) { _ = s.Send(s.Alert(116), s.Alert(0)) },
		"a warning":    func(s *testtls.Server) { _ = s.Send(s.Record(testtls.KindAlert, []byte{1, 116})) }, // RFC 8446 section 6: no matter
		"an answer":    func(s *testtls.Server) { _ = s.Send(s.Alert(116), s.Record(testtls.KindData, []byte(ok))) },
		"byte by byte": func(s *testtls.Server) {
			for _, b := range s.Alert(116) {
				_ = s.Send([]byte{b})
			}
		},
	} {
		target, config := tls13Origin(t, func(s *testtls.Server, _ net.Conn) {
			send(s)
			_, _ = io.Copy(io.Discard, s)
		})
		if maybeSent, alert := refusedBy(t, transportTo(t, target, config), target, "x"); maybeSent || alert != 116 {
			t.Errorf("%s: maybe sent %t, alert %v", name, maybeSent, alert)
		}
	}
}

// TestOtherEndsOfAFreshConnection leave open whether the request was taken.
func TestOtherEndsOfAFreshConnection(t *testing.T) {
	for name, end := range map[string]func(s *testtls.Server, raw net.Conn){
		"hang-up":          func(*testtls.Server, net.Conn) {},
		"reset":            func(_ *testtls.Server, raw net.Conn) { _ = raw.(*net.TCPConn).SetLinger(0) },
		"half an alert":    func(s *testtls.Server, _ net.Conn) { alert := s.Alert(116); _ = s.Send(alert[:len(alert)-1]) },
		"a forged alert":   func(s *testtls.Server, _ net.Conn) { alert := s.Alert(116); alert[10] ^= 1; _ = s.Send(alert) },
		"alert in clear":   func(s *testtls.Server, _ net.Conn) { _ = s.Send([]byte{testtls.KindAlert, 3, 3, 0, 2, 2, 116}) },
		"a short alert":    func(s *testtls.Server, _ net.Conn) { _ = s.Send(s.Record(testtls.KindAlert, []byte{116})) },
		"two in a record":  func(s *testtls.Server, _ net.Conn) { _ = s.Send(s.Record(testtls.KindAlert, []byte{2, 116, 2, 116})) },
		"no TLS any more":  func(s *testtls.Server, _ net.Conn) { _ = s.Send([]byte(ok)) },
		"an unknown alert": func(s *testtls.Server, _ net.Conn) { _ = s.Send(s.Alert(200)) },
	} {
		target, config := tls13Origin(t, func(s *testtls.Server, raw net.Conn) {
			take(bufio.NewReader(s))
			end(s, raw)
		})
		if maybeSent, _ := refusedBy(t, transportTo(t, target, config), target, "x"); !maybeSent {
			t.Errorf("%s: reported as not sent", name)
		}
	}
}

// TestCertificateAlertOnAUsedConnection comes too late to say anything of the call that it hits.
func TestCertificateAlertOnAUsedConnection(t *testing.T) {
	for _, number := range certificateAlerts {
		target, config := tls13Origin(t, func(s *testtls.Server, _ net.Conn) {
			r := bufio.NewReader(s)
			if take(r) && s.Send(s.Record(testtls.KindData, []byte(ok))) == nil && take(r) {
				_ = s.Send(s.Alert(byte(number)))
			}
		})
		transport := transportTo(t, target, config)
		if got, err := send(t, transport, request(t, "POST", target, "x")); err != nil || got != "ok" {
			t.Fatalf("%q, %v", got, err)
		}
		if maybeSent, alert := refusedBy(t, transport, target, "x"); !maybeSent || int(alert) != number {
			t.Errorf("alert %d: maybe sent %t, reported as %v", number, maybeSent, alert)
		}
	}
}

// TestRefusedCertificates: crypto/tls as the server. It asks for a certificate, and does not like what it gets: whatever the
// size of a body, which it does not read, so that its end resets the connection.
func TestRefusedCertificates(t *testing.T) {
	ca, foreign := testpki.Must(testpki.New()), testpki.Must(testpki.New())
	wrong := testpki.Must(foreign.Client("wrong"))
	for name, test := range map[string]struct {
		authenticate tls.ClientAuthType
		show         *tls.Certificate
		want         string
	}{
		"none":    {tls.RequireAnyClientCert, &tls.Certificate{}, "certificate_required"},
		"foreign": {tls.RequireAndVerifyClientCert, &wrong, "unknown_ca"},
	} {
		for _, size := range []int{0, 1, bufferSize, inlineBody, inlineBody + 1, 1 << 20, 8 << 20} {
			server := &tls.Config{
				Certificates: []tls.Certificate{testpki.Must(ca.Server("127.0.0.1"))}, ClientAuth: test.authenticate, ClientCAs: ca.Pool(), MinVersion: tls.VersionTLS13,
			}
			target, _ := origin(t, func(c net.Conn, _ *bufio.Reader) {
				if tls.Server(c, server).Handshake() == nil {
					t.Errorf("%s: the certificate was taken", name)
				}
			})
			target = strings.Replace(target, "http:", "https:", 1)
			config := clientConfig(ca)
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return test.show, nil }
			maybeSent, alert := refusedBy(t, transportTo(t, target, config), target, strings.Repeat("x", size))
			if maybeSent || alert.String() != test.want {
				t.Errorf("%s, %d bytes: maybe sent %t, alert %v", name, size, maybeSent, alert)
			}
		}
	}
}

// TestRefusedWhileWriting: a server that reads nothing refuses while a large body is on its way, and keeps the connection.
func TestRefusedWhileWriting(t *testing.T) {
	over := make(chan struct{})
	target, config := tls13Origin(t, func(s *testtls.Server, _ net.Conn) {
		_ = s.Send(s.Alert(116))
		<-over
	})
	defer close(over)
	if maybeSent, alert := refusedBy(t, transportTo(t, target, config), target, strings.Repeat("x", 32<<20)); maybeSent || alert != 116 {
		t.Errorf("maybe sent %t, alert %v", maybeSent, alert)
	}
}

// deaf is a connection on which nothing can be written any more once the handshake is over, as where the far end has closed it.
type deaf struct {
	*net.TCPConn
	gone func() // waits until the far end has sent what it had to send
	err  error
}

func (d *deaf) Write([]byte) (int, error) {
	d.gone()
	return 0, &net.OpError{Op: "write", Err: d.err}
}

// TestAlertBehindAFailedWrite: what can still be read says why nothing can be written. Without it nothing is known.
func TestAlertBehindAFailedWrite(t *testing.T) {
	for _, cause := range []error{syscall.EPIPE, syscall.ECONNRESET} {
		for number, want := range map[int]bool{116: false, 42: false, 80: true, 0: true} {
			for _, size := range []int{1, inlineBody + 1} {
				leave, left := make(chan struct{}), make(chan struct{})
				target, config := tls13Origin(t, func(s *testtls.Server, _ net.Conn) {
					<-leave
					_ = s.Send(s.Alert(byte(number)))
					close(left)
				})
				transport := transportTo(t, target, config)
				prepare(t, transport, func(c *net.TCPConn, _ *records) net.Conn {
					return &deaf{TCPConn: c, err: cause, gone: func() {
						select {
						case <-left:
						default:
							close(leave)
							<-left
						}
					}}
				})
				if maybeSent, _ := refusedBy(t, transport, target, strings.Repeat("x", size)); maybeSent != want {
					t.Errorf("%v, alert %d, %d bytes: maybe sent %t, want %t", cause, number, size, maybeSent, want)
				}
			}
		}
	}
}

// TestRefusedOnlyIn13: in TLS 1.2 the handshake of the client ends after the server has looked at its certificate, so such an
// alert after it is about something else.
func TestRefusedOnlyIn13(t *testing.T) {
	alert := &net.OpError{Op: "remote error", Err: tls.AlertError(116)}
	for version, want := range map[uint16]bool{tls.VersionTLS12: false, tls.VersionTLS13: true} {
		c := &conn{tls: &tls.ConnectionState{Version: version}, records: &records{after: 1}}
		if got := c.refused(alert); got != want {
			t.Errorf("%s: %t, want %t", tls.VersionName(version), got, want)
		}
	}
	if (&conn{}).refused(alert) {
		t.Error("a plain connection was refused by an alert")
	}
}

// TestFailedHandshakes: nothing is sent, and the error says that it was the handshake.
func TestFailedHandshakes(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(c net.Conn)
		want error
	}{
		"hang-up": {func(net.Conn) {}, io.EOF},
		"half":    {func(c net.Conn) { say(c, "\x16\x03\x03\x00\x50half") }, io.ErrUnexpectedEOF},
		"reset":   {func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }, syscall.ECONNRESET},
	} {
		target, _ := origin(t, func(c net.Conn, r *bufio.Reader) {
			_, _ = r.ReadByte()
			_, _ = r.Discard(r.Buffered())
			test.end(c)
		})
		target = strings.Replace(target, "http:", "https:", 1)
		_, err := send(t, transportTo(t, target, &tls.Config{MinVersion: tls.VersionTLS12}), request(t, "POST", target, "x"))
		failed, ok := errors.AsType[*Error](err)
		_, handshake := errors.AsType[*HandshakeError](err)
		if !ok || failed.MaybeSent || !handshake || !errors.Is(err, test.want) {
			t.Errorf("%s: %#v, want a handshake that failed by %v", name, err, test.want)
		}
	}
}
