package tlspolicy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"tollgate/internal/testpki"
	"tollgate/internal/testtls"
)

// TestAlertsOfCryptoTLS has crypto/tls receive every alert that there is. It fails where a new version of Go reports them in
// another way.
func TestAlertsOfCryptoTLS(t *testing.T) {
	for number := range 256 {
		err := receiveAlert(t, byte(number))
		alert, ok := AlertOf(fmt.Errorf("wrapped: %w", err))
		switch number {
		case 0, 90: // close_notify is the end of the stream; user_canceled is passed over, and the end of the connection comes next
			if ok || !errors.Is(err, io.EOF) {
				t.Errorf("alert %d: %v is taken for an alert", number, err)
			}
		default:
			if !ok || int(alert) != number || KindOf(err) != KindAlert {
				t.Errorf("alert %d: %v is taken for %v, %t, of kind %q", number, err, alert, ok, KindOf(err))
			}
		}
	}
}

// receiveAlert returns what crypto/tls says of an alert after the handshake.
func receiveAlert(t *testing.T, number byte) error {
	t.Helper()
	near, far := tcpPair(t)
	served := make(chan error, 1)
	go func() {
		defer far.Close()
		server, err := testtls.Accept(far, &tls.Config{Certificates: []tls.Certificate{pki().ecdsa}})
		if err == nil {
			err = server.Send(server.Alert(number))
		}
		served <- err
	}()
	client := tls.Client(near, &tls.Config{RootCAs: pki().pool(), ServerName: "tollgate.test"})
	_, err := client.Read(make([]byte, 1))
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	return err
}

// TestAlertsOfHandshakes: real servers, and what they say of a certificate that they do not take.
func TestAlertsOfHandshakes(t *testing.T) {
	unknown := must(must(testpki.New()).Client("unknown"))
	for name, test := range map[string]struct {
		version      uint16
		authenticate tls.ClientAuthType
		certificates []tls.Certificate
		want         string
	}{
		"none in 1.2":    {tls.VersionTLS12, tls.RequireAnyClientCert, nil, "handshake_failure"},
		"none in 1.3":    {tls.VersionTLS13, tls.RequireAnyClientCert, nil, "certificate_required"},
		"foreign in 1.2": {tls.VersionTLS12, tls.RequireAndVerifyClientCert, []tls.Certificate{unknown}, "unknown_ca"},
		"foreign in 1.3": {tls.VersionTLS13, tls.RequireAndVerifyClientCert, []tls.Certificate{unknown}, "unknown_ca"},
	} {
		server := &tls.Config{Certificates: []tls.Certificate{pki().ecdsa}, ClientAuth: test.authenticate, ClientCAs: pki().pool(), MaxVersion: test.version}
		client := &tls.Config{RootCAs: pki().pool(), ServerName: "tollgate.test", GetClientCertificate: show(test.certificates)}
		o := connect(t, server, client)
		alert, ok := AlertOf(o.clientErr)
		if !ok || alert.String() != test.want {
			t.Errorf("%s: %v is %q, %t; want %q", name, o.clientErr, alert, ok, test.want)
		}
	}
}

// show has a client show its first certificate whatever authorities the server names.
func show(certificates []tls.Certificate) func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if len(certificates) == 0 {
			return &tls.Certificate{}, nil
		}
		return &certificates[0], nil
	}
}

// TestNoAlerts: alerts of our own, and errors that only look like one, are no alerts of a peer.
func TestNoAlerts(t *testing.T) {
	for _, err := range []error{
		nil, io.EOF, tls.AlertError(42), &net.OpError{Op: "local error", Err: tls.AlertError(42)}, &net.OpError{Op: "remote error"},
		&net.OpError{Op: "remote error", Err: errors.New("tls: bad certificate")}, &net.OpError{Op: "read", Err: tls.AlertError(42)},
		errors.New("remote error: tls: bad certificate"),
	} {
		if alert, ok := AlertOf(err); ok {
			t.Errorf("%v is taken for alert %v", err, alert)
		}
	}
	if alert, ok := AlertOf(&net.OpError{Op: "remote error", Err: tls.AlertError(42)}); !ok || alert != 42 {
		t.Errorf("the exported type is %v, %t", alert, ok)
	}
}

// TestAlertNames: names for people, a number where there is no name; and which alerts are about a certificate.
func TestAlertNames(t *testing.T) {
	about := map[Alert]string{
		42: "bad_certificate", 43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown",
		48: "unknown_ca", 49: "access_denied", 116: "certificate_required",
	}
	for number := range 256 {
		alert := Alert(number)
		name, refuses := about[alert]
		if alert.RefusesCertificate() != refuses || refuses && alert.String() != name {
			t.Errorf("%d: %q, about a certificate: %t", number, alert, alert.RefusesCertificate())
		}
	}
	for alert, want := range map[Alert]string{0: "close_notify", 40: "handshake_failure", 80: "internal_error", 121: "ech_required", 200: "200"} {
		if got := alert.String(); got != want {
			t.Errorf("%d is called %q, want %q", uint8(alert), got, want)
		}
	}
}
