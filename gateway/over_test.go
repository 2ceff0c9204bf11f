package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/config"
	"tollgate/freeze"
)

// TestNothingUsesACallThatIsOver has calls end in every way at once, while operators look at those under way: by callers that leave, by answers
// that come before the body was sent or are cut, and by faults. Another call uses the memory of one that is over, so the race detector
// finds what goes on with it, and each caller holds its answer against what it has sent.
func TestNothingUsesACallThatIsOver(t *testing.T) {
	const callers, each = 8, 24
	f := prepare(t, fixed, bounded(func(b *config.Bounds) { b.HeldAnswer = 4 << 10 }))
	f.log.intent = func(_ context.Context, r *logfile.Record) error {
		if strings.HasSuffix(r.Path, "/fault") {
			panic("fault")
		}
		return nil
	}
	f.origin.set(answeringByPath, earlyByPath)
	f.open(t)
	watched, looking := context.WithCancel(t.Context())
	var operators, all sync.WaitGroup
	operators.Go(func() { f.lookAtCalls(watched) })
	for i := range callers {
		all.Go(func() {
			for n := range each {
				f.endInSomeWay(t, i*each+n)
			}
		})
	}
	all.Wait()
	looking()
	operators.Wait()
	f.waitForCalls(t)
	if faults := f.logs.FilterMessage("panic in a call").Len(); faults == 0 {
		t.Error("no call met a fault")
	}
}

// open takes callers.
func (f *fixture) open(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.address = listener.Addr().String()
	f.serve(t, listener, nil)
}

// waysToEnd are the ends of calls, by the last part of their paths.
var waysToEnd = []string{"early", "left", "cut", "fault", "halfway"}

// endInSomeWay sends a call that ends in one of the ways, and on another connection one that is answered.
func (f *fixture) endInSomeWay(t *testing.T, i int) {
	way := waysToEnd[i%len(waysToEnd)]
	body := strings.Repeat(fmt.Sprintf("%d;", i), 1+i%5*8000)
	odd := must(net.Dial("tcp", f.address))
	defer odd.Close()
	text := plain("POST", "/app/"+way, body, "Content-Type: text/plain", "X-Mark: "+strconv.Itoa(i))
	switch way {
	case "left": // while it waits for an answer
		_, _ = io.WriteString(odd, text)
		_ = odd.Close()
	case "halfway":
		_, _ = io.WriteString(odd, text[:len(text)-len(body)/2-1])
		_ = odd.Close()
	default:
		_, _ = io.WriteString(odd, text)
		newRaw(t, odd).read("POST")
	}
	good := must(net.Dial("tcp", f.address))
	defer good.Close()
	caller, want := newRaw(t, good), fmt.Sprintf("POST /app/good HTTP/1.1 %d %s", i, body)
	_, _ = io.WriteString(good, plain("POST", "/app/good", body, "Content-Type: text/plain", "X-Mark: "+strconv.Itoa(i)))
	if got := caller.read("POST"); got == nil || got.body != want || got.header.Get("X-Mark") != strconv.Itoa(i) {
		t.Errorf("call %d is not answered by what it has sent", i)
	}
}

// lookAtCalls asks for calls that a freeze stops until the context ends.
func (f *fixture) lookAtCalls(ctx context.Context) {
	all := aFreeze(freeze.Caller, localCaller)
	for ctx.Err() == nil {
		sent, _ := f.gateway.Stopped(ctx, all)
		for _, one := range sent {
			_ = one.Call + one.Caller + one.Upstream + one.Operation
		}
	}
}

func pathEnd(a *arrival) string {
	_, path, _ := strings.Cut(a.line, "/app/")
	path, _, _ = strings.Cut(path, " ")
	return path
}

// earlyByPath answers before it has taken the body, and takes no more.
func earlyByPath(c net.Conn, a *arrival) bool {
	if pathEnd(a) != "early" {
		return true
	}
	_, _ = io.WriteString(c, jsonAnswer(413, "{}", "Connection: close"))
	return false
}

func answeringByPath(c net.Conn, a *arrival) bool {
	mark := a.value("X-Mark")
	whole := jsonAnswer(200, fmt.Sprintf("%s %s %s", a.line, mark, a.body), "X-Mark: "+mark)
	if pathEnd(a) == "cut" {
		whole = whole[:len(whole)-len(a.body)/2-1]
		_, _ = io.WriteString(c, whole)
		return false
	}
	_, err := io.WriteString(c, whole)
	return err == nil
}
