package gateway_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
)

// testNothingIsShared has calls follow each other on connections whose buffers are used again, and overwritten in between: what one call
// has left in records, metrics, refusals and the memory of signatures stays as it was, whatever comes after it, and no call sends or answers
// anything of another's.
func testNothingIsShared(t *testing.T, e engine) {
	f := start(t, behind(e))
	f.origin.set(sayingItBack, nil)
	connections := []*raw{f.dial(t), f.dial(t)}
	var sent []string
	var left [][2]string
	for i := range 40 {
		text, on := distinct(t, i), connections[i%2]
		on.write(text)
		f.wantOwn(t, i, on.answer())
		sent, left = append(sent, text), append(left, f.left())
	}
	connections[0].write(strings.Join(sent, "")) // each again, in one piece
	for i := range sent {
		if got := connections[0].answer(); pays(i) {
			got.wantCode(t, "TG.4003") // its signature is remembered
		}
	}
	now := f.left()
	for i, before := range left {
		if !strings.HasPrefix(now[0], before[0]) || !strings.HasPrefix(now[1], before[1]) {
			t.Fatalf("what was left after call %d has changed:\n%s\nnow\n%s", i, before, now)
		}
	}
}

// distinct is a signed call in which each text is its own.
func distinct(t *testing.T, i int) string {
	mark := strings.Repeat(string(rune('a'+i%26)), 5+i%7) + fmt.Sprint(i)
	s := signed{
		caller: partnerCaller, method: "POST", target: fmt.Sprintf("/echo/%s/%s?q=%s", mark, mark, mark), body: fmt.Sprintf(`{"%s":1}`, mark),
		header: []string{"X-Project: " + mark, "User-Agent: " + mark, "Content-Type: application/json", "X-" + mark + ": " + mark},
	}
	switch {
	case pays(i):
		s.caller, s.target, s.body = customerCaller, payTarget, strings.Replace(payBody, "CS-1001", mark, 1)
	case isUnknown(i):
		s.target = "/nothing/" + mark
	case i%3 == 0:
		s.method, s.target, s.body = "GET", fmt.Sprintf("/echo/%s?q=%s", mark, mark), ""
	}
	return s.text(t)
}

// Of ten calls two spend and two are refused.
func pays(i int) bool      { return i%5 == 1 }
func isUnknown(i int) bool { return i%5 == 0 }

// sayingItBack answers with what has arrived.
func sayingItBack(c net.Conn, a *arrival) bool {
	return saying(jsonAnswer(http.StatusOK, a.line+a.body))(c, a)
}

// wantOwn holds that a call is answered with what it sent.
func (f *fixture) wantOwn(t *testing.T, i int, got *reply) {
	t.Helper()
	if isUnknown(i) {
		if got.status != http.StatusNotFound {
			t.Errorf("call %d: answer %d %s", i, got.status, got.body)
		}
		return
	}
	arrivals := f.origin.all()
	last := arrivals[len(arrivals)-1]
	if want := last.line + last.body; got.status != http.StatusOK || got.body != want || !strings.Contains(want, fmt.Sprint(i)) {
		t.Errorf("call %d: answer %d %s, want %s", i, got.status, got.body, want)
	}
}

// left is what calls have left in the log and in metrics, in texts of its own.
func (f *fixture) left() [2]string {
	f.metrics.mutex.Lock()
	defer f.metrics.mutex.Unlock()
	return [2]string{f.log.text(), strings.Trim(fmt.Sprint(f.metrics.refused), "[]")}
}
