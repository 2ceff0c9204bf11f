package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/config"
	"tollgate/freeze"
)

// TestNothingUsesACallThatIsOver has calls end in every way at once, while operators look at those under way: by callers that leave, by answers
// that come before the body was sent or are cut, and by faults. Another call uses the memory of one that is over, so the race detector finds
// what goes on with it, and each caller holds its answer against what it has sent.
func TestNothingUsesACallThatIsOver(t *testing.T) {
	const callers, each = 6, 10
	both(t, func(t *testing.T, http2 bool) {
		s := startTLS(t, fixed, endingByPath, bounded(func(b *config.Bounds) { b.HeldAnswer = 4 << 10 }))
		watched, looking := context.WithCancel(t.Context())
		var operators, all sync.WaitGroup
		operators.Go(func() { s.lookAtCalls(watched) })
		for i := range callers {
			all.Go(func() {
				client := s.client(t, http2)
				for n := range each {
					endInSomeWay(t, client, i*each+n)
				}
			})
		}
		all.Wait()
		looking()
		operators.Wait()
		s.waitForCalls(t)
		if s.logs.FilterMessage("panic in a call").Len() == 0 {
			t.Error("no call met a fault")
		}
	})
}

// lookAtCalls asks for calls that a freeze stops until the context ends.
func (f *fixture) lookAtCalls(ctx context.Context) {
	all := aFreeze(freeze.Caller, localCaller)
	for ; ctx.Err() == nil; runtime.Gosched() {
		sent, _ := f.gateway.Stopped(ctx, all)
		for _, one := range sent {
			_ = one.Call + one.Caller + one.Upstream + one.Operation
		}
	}
}

// waysToEnd are the ends of calls, by the last part of their paths.
var waysToEnd = []string{"early", "left", "cut", "fault", "halfway"}

// endInSomeWay sends a call that ends in one of the ways, and then one that is answered.
func endInSomeWay(t *testing.T, client *http.Client, i int) {
	way, body := waysToEnd[i%len(waysToEnd)], strings.Repeat(strconv.Itoa(i)+";", 1+i%4*10_000)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	var sent io.Reader = strings.NewReader(body)
	if way == "halfway" {
		sent = io.MultiReader(strings.NewReader(body[:len(body)/2]), unsendable{})
	}
	odd := marked(t, i, way, sent).WithContext(ctx)
	if way == "left" {
		leaving.Store(strconv.Itoa(i), leave)
	}
	_, _ = try(client, odd)
	want := fmt.Sprintf("POST /app/good HTTP/1.1 %d %s", i, body)
	got, err := try(client, marked(t, i, "good", strings.NewReader(body)))
	if err != nil || got.body != want || got.header.Get("X-Mark") != strconv.Itoa(i) {
		t.Errorf("call %d is not answered by what it has sent: %v", i, err)
	}
}

func marked(t *testing.T, i int, way string, body io.Reader) *http.Request {
	r := request(t, "POST", "/app/"+way, body)
	r.Header.Set("Content-Type", "text/plain")
	r.Header.Set("X-Mark", strconv.Itoa(i))
	return r
}

// unsendable is the rest of a body, which its caller does not send.
type unsendable struct{}

func (unsendable) Read([]byte) (int, error) { return 0, errors.New("the caller has no more") }

// leaving has, by the mark of a call, what has its caller leave.
var leaving sync.Map

// endingByPath has an upstream and a log by which calls end as their paths say.
func endingByPath(f *fixture) {
	f.log.intent = func(_ context.Context, r *logfile.Record) error {
		if strings.HasSuffix(r.Path, "/fault") {
			panic("fault")
		}
		return nil
	}
	f.origin.set(answeringByPath, earlyByPath)
}

func isFor(a *arrival, way string) bool { return strings.HasPrefix(a.line, "POST /app/"+way+" ") }

// earlyByPath answers before it has taken the body, and takes no more.
func earlyByPath(c net.Conn, a *arrival) bool {
	if !isFor(a, "early") {
		return true
	}
	_, _ = io.WriteString(c, jsonAnswer(http.StatusRequestEntityTooLarge, "{}", "Connection: close"))
	return false
}

func answeringByPath(c net.Conn, a *arrival) bool {
	mark := a.value("X-Mark")
	text := jsonAnswer(http.StatusOK, fmt.Sprintf("%s %s %s", a.line, mark, a.body), "X-Mark: "+mark)
	if leave, leaves := leaving.LoadAndDelete(mark); leaves {
		leave.(context.CancelFunc)()
	}
	if isFor(a, "cut") {
		text = text[:len(text)-len(a.body)/2-1]
	}
	_, err := io.WriteString(c, text)
	return err == nil && !isFor(a, "cut")
}
