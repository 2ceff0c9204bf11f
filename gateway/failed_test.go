package gateway_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/internal/testpki"
	"tollgate/internal/testtls"
)

// towards returns a fixture whose upstream bss is reached over TLS, and calls serve for each connection.
func towards(t *testing.T, serve func(raw net.Conn, config *tls.Config)) *fixture {
	t.Helper()
	ca := must(testpki.New())
	config := &tls.Config{Certificates: []tls.Certificate{must(ca.Server("bss.test"))}, MinVersion: tls.VersionTLS12}
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				serve(c, config)
			})
		}
	})
	f := start(t, fixed)
	t.Cleanup(func() { _ = listener.Close(); serving.Wait() })
	u := f.upstream["bss"]
	u.Scheme, u.Host = "https", "bss.test"
	u.Transport = rerouted(t, listener.Addr().String(), &tls.Config{ServerName: "bss.test", RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12})
	return f
}

// An upstream whose first word after the handshake of TLS 1.3 refuses our certificate has taken nothing: the call may be repeated.
// Any other alert leaves the outcome open. Caller and record learn the alert's name.
func TestAlertsOfTheUpstream(t *testing.T) {
	notSent := map[byte]string{
		42: "bad_certificate", 43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown",
		48: "unknown_ca", 49: "access_denied", 116: "certificate_required",
	}
	unknown := map[byte]string{10: "unexpected_message", 40: "handshake_failure", 51: "decrypt_error", 80: "internal_error", 112: "unrecognized_name", 200: "200", 0: ""}
	type alertTest struct {
		number        byte
		ticket        bool // comes before it
		code, outcome string
		alert         string
	}
	tests := map[string]alertTest{}
	for number, name := range notSent {
		tests["first: "+name] = alertTest{number, false, "TG.7001", logfile.NotSent, name}
		tests["behind a ticket: "+name] = alertTest{number, true, "TG.7002", logfile.Unknown, name}
	}
	for number, name := range unknown {
		tests["first: "+name] = alertTest{number, false, "TG.7002", logfile.Unknown, name}
	}
	for name, tt := range tests {
		for _, request := range []string{pay(), look()} {
			f := towards(t, func(raw net.Conn, config *tls.Config) {
				s, err := testtls.Accept(raw, config)
				if err != nil {
					return
				}
				_, _ = http.ReadRequest(bufio.NewReader(s))
				var records [][]byte
				if tt.ticket {
					records = append(records, s.Ticket())
				}
				_ = s.Send(append(records, s.Alert(tt.number))...)
			})
			got := f.send(t, request)
			got.wantCode(t, tt.code)
			r := f.log.only(t, logfile.KindOutcome)
			if r.Outcome != tt.outcome || r.TLSOut == nil || got.problem(t).Detail != r.Detail {
				t.Errorf("%s: outcome %q over %+v, detail %q; the caller reads %q", name, r.Outcome, r.TLSOut, r.Detail, got.problem(t).Detail)
			}
			if said := "upstream bss ended the TLS connection with the alert " + tt.alert; (tt.alert != "") != strings.HasPrefix(r.Detail, said) {
				t.Errorf("%s: the detail is %q", name, r.Detail)
			}
			if strings.Contains(got.body, "no byte") || strings.Contains(got.body, "reached") {
				t.Errorf("%s: the request was written, and the answer is %s", name, got.body)
			}
			if state, paused := f.credentials["acme"].Paused(); paused {
				t.Errorf("%s: the credential is paused: %+v", name, state)
			}
		}
	}
}

// A handshake that fails is not sent, and the answer says how it failed; an upstream that takes no connection cannot be reached.
func TestHandshakesThatFail(t *testing.T) {
	asking := func(version uint16) func(net.Conn, *tls.Config) {
		return func(raw net.Conn, config *tls.Config) {
			config = config.Clone()
			config.ClientAuth, config.MinVersion, config.MaxVersion = tls.RequireAnyClientCert, version, version
			_ = tls.Server(raw, config).Handshake()
		}
	}
	hello := func(raw net.Conn) { _, _ = raw.Read(make([]byte, 16<<10)) }
	for name, tt := range map[string]struct {
		serve func(net.Conn, *tls.Config)
		want  string
		code  string // of the record; empty: any
	}{
		"hangs up at once":    {func(net.Conn, *tls.Config) {}, "(it ", ""}, // hangs up or resets, by what of ours has arrived
		"hangs up":            {func(raw net.Conn, _ *tls.Config) { hello(raw) }, "no TLS connection with upstream bss (it hung up in the handshake)", logfile.TLSClosed},
		"resets":              {func(raw net.Conn, _ *tls.Config) { hello(raw); reset(raw) }, "no TLS connection with upstream bss (it reset the connection in the handshake)", logfile.TLSReset},
		"speaks HTTP":         {func(raw net.Conn, _ *tls.Config) { hello(raw); _, _ = io.WriteString(raw, okAnswer) }, "no TLS connection with upstream bss (not tls)", logfile.TLSNotTLS},
		"an alert":            {func(raw net.Conn, _ *tls.Config) { hello(raw); _, _ = raw.Write([]byte{21, 3, 3, 0, 2, 2, 40}) }, "no TLS connection with upstream bss (refused by peer: handshake_failure)", "alert_handshake_failure"},
		"certificates in 1.2": {asking(tls.VersionTLS12), "no TLS connection with upstream bss (refused by peer: handshake_failure)", "alert_handshake_failure"},
		"certificates in 1.3": {asking(tls.VersionTLS13), "upstream bss ended the TLS connection with the alert certificate_required before it took anything", "alert_certificate_required"},
	} {
		f := towards(t, tt.serve)
		got := f.send(t, pay())
		got.wantCode(t, "TG.7001")
		if r := f.log.only(t, logfile.KindOutcome); r.Outcome != logfile.NotSent || !strings.Contains(r.Detail, tt.want) || got.problem(t).Detail != r.Detail {
			t.Errorf("%s: outcome %q, detail %q, answer %s", name, r.Outcome, r.Detail, got.body)
		}
		if r := f.log.only(t, logfile.KindOutcome); r.Stage != logfile.StageConnect || tt.code != "" && r.TLSFailure != tt.code {
			t.Errorf("%s: stage %q, TLS failure %q", name, r.Stage, r.TLSFailure)
		}
		if strings.Contains(got.body, "reached") {
			t.Errorf("%s: the upstream was reached, and the answer is %s", name, got.body)
		}
	}
	f := towards(t, nil)
	closed := must(net.Listen("tcp", "127.0.0.1:0"))
	_ = closed.Close()
	f.upstream["bss"].Transport = rerouted(t, closed.Addr().String(), &tls.Config{MinVersion: tls.VersionTLS12})
	got := f.send(t, pay())
	if got.wantCode(t, "TG.7001"); got.problem(t).Detail != "upstream bss cannot be reached; no byte of the call was sent" {
		t.Errorf("no listener: %s", got.body)
	}
	if r := f.log.only(t, logfile.KindOutcome); r.Stage != logfile.StageConnect || r.TLSFailure != "" {
		t.Errorf("no listener: stage %q, TLS failure %q", r.Stage, r.TLSFailure)
	}
}
