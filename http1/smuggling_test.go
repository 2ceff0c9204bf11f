package http1_test

import (
	"strings"
	"testing"

	"tollgate/http1/http1test"
)

// TestSmuggling: whatever a proxy in front reads, and passes on byte for byte, is read here as the same requests up to where the connection
// ends, or not at all.
func TestSmuggling(t *testing.T) {
	streams := http1test.Attacks(http1test.Smuggled, http1test.Probe)
	for _, c := range http1test.Requests() {
		if len(c.Sent) < 2000 {
			streams[c.Name] = c.Stream()
		}
	}
	passed := map[string]int{}
	for name, stream := range streams {
		for _, front := range http1test.Fronts() {
			forwarded := front.Split(stream)
			passed[front.Name] += len(forwarded)
			got, _ := readAll(strings.NewReader(http1test.Join(forwarded)))
			if problem := http1test.Desync(forwarded, got.Read); problem != "" {
				t.Errorf("%s behind %s: %s", name, front.Name, problem)
			}
		}
	}
	for name, n := range passed {
		if n < len(streams)/4 {
			t.Errorf("%s passes only %d requests: the test shows nothing", name, n)
		}
	}
}
