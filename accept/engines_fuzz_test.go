package accept_test

import (
	"slices"
	"strings"
	"testing"

	"tollgate/http1/http1test"
)

// FuzzEngine holds the engine against net/http on real connections: what it takes of a stream, net/http takes alike and in the same order,
// and each request has one answer. It may end the connection sooner, after an error at most.
func FuzzEngine(f *testing.F) {
	for _, c := range http1test.Requests() {
		if len(c.Sent) < 2000 && !strings.HasPrefix(c.Name, "byte ") {
			f.Add(c.Stream())
		}
	}
	for _, stream := range http1test.Attacks(http1test.Smuggled, http1test.Probe) {
		f.Add(stream)
	}
	address, recorder := recording(f, ours, nil)
	other, otherRecorder := recording(f, netHTTP, nil)
	f.Fuzz(func(t *testing.T, stream string) {
		if strings.HasPrefix(stream, "HEAD ") || strings.Contains(stream, "\nHEAD ") { // whose answers are read otherwise
			return
		}
		got, err := recorder.Send(address, stream, patience)
		if err != nil {
			t.Fatalf("%q: %v", stream, err)
		}
		if len(got.Statuses) < len(got.Read) || len(got.Statuses) > len(got.Read)+1 {
			t.Fatalf("%q: answers %d to %q", stream, got.Statuses, got.Outcome().Read)
		}
		theirs, _ := otherRecorder.Send(other, stream, patience)
		if problem := differ(got.Outcome(), theirs.Outcome().Read); problem != "" {
			t.Fatalf("%q is read as\n%q, and by net/http as\n%q", stream, got.Outcome().Read, theirs.Outcome().Read)
		}
	})
}

// differ returns the first request that was not read by the other.
func differ(got http1test.Outcome, theirs []string) string {
	for i, r := range got.Read {
		last := got.End == http1test.Broken && i == len(got.Read)-1
		if i >= len(theirs) || r != theirs[i] && !(last && strings.HasPrefix(theirs[i], r)) {
			return r
		}
	}
	return ""
}

// TestEngineBehindFronts: what proxies pass on is read as they have read it, or not at all.
func TestEngineBehindFronts(t *testing.T) {
	address, recorder := recording(t, ours, nil)
	sent := map[string]bool{}
	for name, stream := range http1test.Attacks(http1test.Smuggled, http1test.Probe) {
		for _, front := range http1test.Fronts() {
			forwarded := front.Split(stream)
			passed := http1test.Join(forwarded)
			if sent[passed] || slices.ContainsFunc(forwarded, isHead) {
				continue
			}
			sent[passed] = true
			got, err := recorder.Send(address, passed, patience)
			if err != nil {
				t.Errorf("%s behind %s: %v", name, front.Name, err)
			}
			if problem := http1test.Desync(forwarded, got.Outcome().Read); problem != "" {
				t.Errorf("%s behind %s: %s", name, front.Name, problem)
			}
		}
	}
	if len(sent) < 50 {
		t.Errorf("only %d streams were passed on: the test shows nothing", len(sent))
	}
}

// isHead reports whether a request is HEAD: its answer has no body, which the recorder does not know.
func isHead(m http1test.Message) bool { return strings.HasPrefix(m.Line, "HEAD ") }
