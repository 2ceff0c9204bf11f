package gateway_test

import (
	"context"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/upstream"
)

// TestLargestLength: an answer that announces the largest length there is, is read as any other that is cut.
func TestLargestLength(t *testing.T) {
	const length = "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n"
	for _, text := range []string{look(), pay()} {
		f := start(t, fixed)
		f.origin.answer = breaking(length + "{}")
		f.send(t, text).wantCode(t, "TG.7002")
		if n := f.logs.FilterMessage("panic in a call").Len(); n != 0 {
			t.Error("the gateway panicked")
		}
		if r := f.log.only(t, logfile.KindOutcome); r.Outcome != logfile.Unknown {
			t.Errorf("outcome %q", r.Outcome)
		}
	}
	f := start(t, fixed, answering(length))
	c := f.dial(t)
	c.write(plain("HEAD", "/echo/x", ""))
	if r := c.read("HEAD"); r == nil || r.status != 200 || r.header.Get("Content-Length") != "9223372036854775807" {
		t.Errorf("HEAD: %+v", r)
	}
}

// faulty is an upstream's answer whose reading panics.
type faulty struct{ closed bool }

func (f *faulty) Send(context.Context, *upstream.Request) (*upstream.Response, error) {
	return &upstream.Response{Status: 200, ContentLength: 2, Body: f}, nil
}

func (f *faulty) Read([]byte) (int, error) { panic("fault") }

func (f *faulty) Close() error {
	f.closed = true
	return nil
}

// TestPanicReleasesTheConnection: a fault of our own in the middle of an answer releases its connection.
func TestPanicReleasesTheConnection(t *testing.T) {
	answer := new(faulty)
	f := start(t, fixed, func(f *fixture) { f.upstream["bss"].Transport = answer })
	f.send(t, pay()).wantCode(t, "TG.7002")
	f.waitForCalls(t)
	if !answer.closed {
		t.Error("the answer's body was not closed")
	}
	if r := f.log.only(t, logfile.KindOutcome); r.Outcome != logfile.Unknown {
		t.Errorf("outcome %q", r.Outcome)
	}
}
