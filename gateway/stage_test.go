package gateway_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/gateway"
	"tollgate/tlspolicy"
	"tollgate/upstream"
)

// checkStages holds all that the tests of this package record to one rule: who reads a refusal or a failure learns its stage from a
// member, and a TLS failure is one of the codes. And what is encoded before changes no byte of a line.
func checkStages(t testing.TB, log *fakeLog) {
	for _, want := range log.differing {
		t.Errorf("the record was written otherwise, want %s", want)
	}
	for _, r := range slices.Concat(log.of(logfile.KindRefusal), log.of(logfile.KindOutcome)) {
		if r.Reason != "" && !slices.Contains(logfile.Stages(), r.Stage) || logfile.OfConnection(r.Stage) {
			t.Errorf("%s %s (%s) at stage %q", r.Kind, r.Reason, r.Detail, r.Stage)
		}
		if r.Reason == "" && r.Stage != "" {
			t.Errorf("%s %s, which did not fail, at stage %q", r.Kind, r.Outcome, r.Stage)
		}
		if r.TLSFailure != "" && !isTLSFailure(r.TLSFailure) {
			t.Errorf("%s: no such TLS failure as %q", r.Kind, r.TLSFailure)
		}
	}
}

func isTLSFailure(code string) bool {
	return slices.Contains(logfile.TLSFailures(), code) || strings.HasPrefix(code, logfile.TLSAlert)
}

// TestStages: a refusal's stage is the step that refused it, an outcome's how far the call came.
func TestStages(t *testing.T) {
	for name, tt := range map[string]struct {
		request string
		failure error // of the transport
		code    string
		kind    logfile.Kind
		want    string
	}{
		"another host":    {request: strings.Replace(look(), "gateway.test", "elsewhere.test", 1), code: "TG.4006", want: logfile.StageAdmit},
		"no such path":    {request: plain("GET", "/nothing", ""), code: "TG.4001", want: logfile.StageMatch},
		"no clear body":   {request: plain("POST", payTarget, `{"a":1,"a":2}`), code: "TG.1005", want: logfile.StageDecide},
		"not sent":        {request: pay(), failure: &upstream.Error{Err: io.EOF}, code: "TG.7001", kind: logfile.KindOutcome, want: logfile.StageConnect},
		"maybe sent":      {request: pay(), failure: &upstream.Error{Err: io.EOF, MaybeSent: true}, code: "TG.7002", kind: logfile.KindOutcome, want: logfile.StageSend},
		"a broken answer": {request: pay(), failure: nil, code: "TG.7002", kind: logfile.KindOutcome, want: logfile.StageAnswer},
	} {
		f := start(t, fixed)
		f.upstream["bss"].Transport = answeringBy(func(*upstream.Request) (*upstream.Response, error) {
			if tt.failure != nil {
				return nil, tt.failure
			}
			return &upstream.Response{Status: 200, ContentLength: 7, Body: io.NopCloser(io.MultiReader(strings.NewReader("{"), broken{}))}, nil
		})
		f.send(t, tt.request).wantCode(t, tt.code)
		if tt.kind == "" {
			tt.kind = logfile.KindRefusal
		}
		if got := f.log.only(t, tt.kind).Stage; got != tt.want {
			t.Errorf("%s: stage %q, want %q", name, got, tt.want)
		}
	}
}

// broken is a body that ends too early.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestTLSFailures: each kind of failure that TLS has is one of the codes, and no two kinds are one.
func TestTLSFailures(t *testing.T) {
	seen := map[string]tlspolicy.Kind{}
	for _, kind := range tlspolicy.Kinds() {
		if kind == tlspolicy.KindAlert || kind == tlspolicy.KindNotTLS || kind == tlspolicy.KindHandshake {
			continue // TestHandshakesThatFail has those
		}
		code := gateway.TLSFailure(&tlspolicy.NotAllowed{Kind: kind})
		if other, double := seen[code]; !slices.Contains(logfile.TLSFailures(), code) || code == logfile.TLSOther || double {
			t.Errorf("the code of %q is %q, as %q", kind, code, other)
		}
		seen[code] = kind
	}
	for want, err := range map[string]error{
		logfile.TLSTimeout:  &upstream.HandshakeError{Err: &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}},
		logfile.TLSClosed:   &upstream.HandshakeError{Err: io.EOF},
		logfile.TLSReset:    &net.OpError{Op: "write", Err: syscall.EPIPE},
		logfile.TLSProtocol: errors.New("tls: something"),
		logfile.TLSOther:    context.Canceled,
	} {
		if got := gateway.TLSFailure(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
