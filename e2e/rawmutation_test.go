package e2e

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
)

// fragments are what mutations put into requests besides single bytes.
var fragments = []string{
	"\r\n", "\n", "\r", "\r\n\r\n", " ", "\t", "\v", "\x00", ":", ",", ";", "%", "%00", "%2f", "%2e%2e", "..", "/", "//", "\\", "?", "#", "&",
	"0\r\n\r\n", "1\r\na\r\n", "Content-Length: 3\r\n", "Content-Length: 0\r\n", "content-length:4\r\n", "Transfer-Encoding: chunked\r\n",
	"Transfer-Encoding: identity\r\n", "Transfer_Encoding: chunked\r\n", "Connection: close\r\n", "Connection: keep-alive, Tollgate-Caller\r\n",
	"Expect: 100-continue\r\n", "Tollgate-Caller: root\r\n", "GET /echo/x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "HTTP/1.0", "chunked", "identity", "\xff", "\u212a",
}

// TestMutatedRequests changes requests at random. Whatever the gateway makes of them, what reaches an upstream is
// well-formed, and is what the log says.
func TestMutatedRequests(t *testing.T) {
	t.Parallel()
	rounds := 300
	if soaking() {
		rounds = 40_000
	}
	random := rand.New(rand.NewPCG(seed(t), 3))
	seeds := mutable(t)
	w := newRawWorld(t, raw)
	for range rounds {
		upstream := []string{"bss", "app"}[random.IntN(2)]
		text := mutate(random, seeds)
		exchangeRaw(t, w.address(upstream), text, 0, true)
		w.arrived[upstream] = append(w.arrived[upstream], w.upstreams[upstream].take()...)
		if w.upstreams[upstream].sound(); t.Failed() {
			t.Fatalf("it was sent %q", text)
		}
		w.checkSpoken(t, upstream, text)
	}
	if len(w.arrived["bss"]) == 0 || len(w.arrived["app"]) == 0 {
		t.Error("no request got through: the test shows nothing")
	}
	w.finish()
}

// checkSpoken holds that the app learns from the gateway alone who calls.
func (w *rawWorld) checkSpoken(t *testing.T, upstream, text string) {
	t.Helper()
	arrived := w.arrived[upstream]
	if upstream != "app" || len(arrived) == 0 {
		return
	}
	last := &arrived[len(arrived)-1]
	for name, want := range map[string]string{"Tollgate-Caller": "shop", "X-Forwarded-For": "127.0.0.1"} {
		if values := last.values(name); len(values) != 1 || values[0] != want {
			t.Fatalf("%s: %q reached the app after %q", name, values, text)
		}
	}
}

// mutable are the cases of the corpus that are short.
func mutable(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/http/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var seeds []string
	for _, file := range files {
		for _, c := range readCases(t, file) {
			if len(c.sent) > 0 && len(c.sent) < 1000 {
				seeds = append(seeds, c.sent)
			}
		}
	}
	return seeds
}

func mutate(random *rand.Rand, seeds []string) string {
	text := seeds[random.IntN(len(seeds))]
	for range 1 + random.IntN(3) {
		at := random.IntN(len(text) + 1)
		rest := random.IntN(len(text) - at + 1)
		switch random.IntN(6) {
		case 0: // a byte is another
			text = text[:at] + string([]byte{byte(random.IntN(256))}) + text[min(at+1, len(text)):]
		case 1: // some are missing
			text = text[:at] + text[at+min(rest, 1+random.IntN(4)):]
		case 2, 3:
			text = text[:at] + fragments[random.IntN(len(fragments))] + text[at:]
		case 4: // a part comes twice
			text = text[:at+rest] + text[at:]
		case 5: // another request follows
			text += seeds[random.IntN(len(seeds))]
		}
	}
	return strings.Clone(text)
}
