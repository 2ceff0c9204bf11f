package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSpread(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   spread
	}{
		{nil, spread{}},
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{9, 1, 2}, spread{2, 1, 9}},
		{[]float64{4, 1, 2, 9}, spread{3, 1, 9}},
	} {
		if got := spreadOf(test.values); got != test.want {
			t.Errorf("%v: %v, want %v", test.values, got, test.want)
		}
	}
}

func TestRatiosArePaired(t *testing.T) {
	if got := ratios([]float64{2, 9, 5}, []float64{1, 3}); !slices.Equal(got, []float64{2, 3}) {
		t.Errorf("%v", got)
	}
}

func TestQuantile(t *testing.T) {
	for part, want := range map[float64]int{0: 1, 0.5: 3, 0.99: 4, 1: 4} {
		if got := quantile([]int{1, 2, 3, 4}, part); got != want {
			t.Errorf("%v: %d, want %d", part, got, want)
		}
	}
}

func TestSampleOf(t *testing.T) {
	before := observation{time.Second, clocks{1: time.Second}}
	used := observation{2 * time.Second, clocks{1: 2 * time.Second, 2: time.Second}}.since(before)
	if want := (usage{time.Second, 2 * time.Second}); used != want {
		t.Errorf("%v, want %v", used, want)
	}
	got, err := sampleOf(used, 6*time.Second, []time.Duration{4, 1, 2, 3})
	want := sample{usage: usage{250 * time.Millisecond, 500 * time.Millisecond}, rate: 4.0 / 6, busy: 0.5, half: 3, slow: 4}
	if err != nil || got != want {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	if _, err := sampleOf(used, time.Second, nil); err == nil {
		t.Error("no calls, and no error")
	}
}

func TestTasks(t *testing.T) {
	for _, task := range tasks() {
		if len(task.request.body) != task.size {
			t.Errorf("%s: a body of %d bytes", task.title, len(task.request.body))
		}
	}
	some, err := chosen("h1-get,post64k")
	if err != nil || len(some) != 3 {
		t.Errorf("%v, %v", some, err)
	}
	if _, err := chosen("h3"); err == nil {
		t.Error("a case that is not there is taken")
	}
}

func TestRotate(t *testing.T) {
	all := []int{1, 2, 3}
	if got := rotate(all, 4); !slices.Equal(got, []int{2, 3, 1}) || !slices.Equal(all, []int{1, 2, 3}) {
		t.Errorf("%v, %v", got, all)
	}
}

func TestReport(t *testing.T) {
	s := settings{rounds: 2, connections: 8, tasks: tasks()[:1], proxies: proxies()[:2]}
	r := newResults()
	for _, cpu := range []float64{100, 200} {
		r.add(rival, "h1-get", cpuFigure, cpu)
		r.add(ownName, "h1-get", cpuFigure, cpu*1.2)
	}
	text := report(s, r)
	if strings.Contains(text, "NaN") || strings.Contains(text, "start to first") {
		t.Errorf("what was not measured is in\n%s", text)
	}
	for _, want := range []string{
		"| HTTP/1.1 GET, CPU time by HAProxy's | 2.07 | 1.40 | 0.85 | 1.20 | yes |",
		"| | HAProxy that signs | Tollgate |",
		"| HTTP/1.1 GET | 150.0 (100.0 to 200.0) | 180.0 (120.0 to 240.0) |",
		"| HTTP/1.1 GET | 1.00 (1.00 to 1.00) | 1.20 (1.20 to 1.20) |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no line %s in\n%s", want, text)
		}
	}
}

func TestReached(t *testing.T) {
	g := goal{must: 4, aim: 2}
	for found, want := range map[float64]string{2: "the aim", 4: "yes", 4.01: "**no**"} {
		if g.found = found; g.reached() != want {
			t.Errorf("%v: %s, want %s", found, g.reached(), want)
		}
	}
}

func TestParts(t *testing.T) {
	for name, o := range map[string]options{"a part": {parts: "lat"}, "quick": {quick: true, parts: "latency"}} {
		s, err := o.settings()
		if err != nil || !slices.Equal(s.parts, []string{latencyPart}) || s.target != "" {
			t.Errorf("%s: %v, %v", name, s.parts, err)
		}
	}
	if _, err := (options{parts: "x"}).settings(); err == nil {
		t.Error("a part that is not there is taken")
	}
	whole, err := options{write: "a.md"}.settings()
	if err != nil || len(whole.parts) != 5 || whole.target != "a.md" || slices.ContainsFunc(whole.proxies, func(p proxy) bool { return p.name == baseName }) {
		t.Errorf("%+v, %v", whole, err)
	}
}

func TestBetween(t *testing.T) {
	got, err := between([]byte("a\n"+beginMark+"old\n"+endMark+"b\n"), "new\n")
	if want := "a\n" + beginMark + "\nnew\n" + endMark + "b\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	for _, text := range []string{"", beginMark, endMark, endMark + beginMark} {
		if _, err := between([]byte(text), ""); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

const samples = `
            7f01 net.(*netFD).Write
            7f02 crypto/tls.(*Conn).Write
            7f03 net/http.(*conn).serve

            7f04 crypto/sha256.Sum256
            7f05 runtime.mallocgc
            7f06 tollgate/signing.HashHex
            7f07 tollgate/gateway.(*call).read

            7f08 what_nobody_knows
`

func TestShares(t *testing.T) {
	got := sharesOf([]byte(samples))
	for part, function := range map[string]string{"sockets": "net.(*netFD).Write", "signing": "tollgate/signing.HashHex", unknownPart: "what_nobody_knows"} {
		if got.parts[part][function] != 1 {
			t.Errorf("%s: %v", part, got.parts)
		}
	}
	if got.total != 3 || got.allocating != 1 {
		t.Errorf("%d samples, %d allocating", got.total, got.allocating)
	}
	var out strings.Builder
	got.print(&out, 30*time.Microsecond)
	if want := "| sockets | 10.0 | 33.3 % | net.(*netFD).Write 33.3 |"; !strings.Contains(out.String(), want) {
		t.Errorf("no line %s in\n%s", want, out.String())
	}
}

func TestVersionNumbers(t *testing.T) {
	for text, want := range map[string]string{"nginx version: nginx/1.22.1\n": "1.22.1", "HAProxy version 2.6.12-1+deb 2026/10/17": "2.6.12"} {
		if got := versionNumber.FindString(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
	if got := field("a\t: b\nmodel name\t: X y: z\n", "model name"); got != "X y: z" {
		t.Errorf("%q", got)
	}
}
