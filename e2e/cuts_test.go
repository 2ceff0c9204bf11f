package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
)

// cutting is the configuration of a gateway behind a fault proxy.
func (w *world) cutting(t testing.TB, config string) *faultProxy {
	t.Helper()
	proxy := newFaultProxy(t, w.values.Upstream)
	w.values.Upstream = proxy.address()
	w.configure(config)
	return proxy
}

// wants is how a call must end.
type wants struct {
	code    string // of the gateway's answer; empty: the provider's answer
	outcome string
	arrived int
}

var (
	nothingSent = wants{"TG.7001", logfile.NotSent, 0}
	halfSent    = wants{"TG.7002", logfile.Unknown, 0}
	answerLost  = wants{"TG.7002", logfile.Unknown, 1}
)

// TestCutConnections breaks the connection to the provider at each place of a call, for each method: the caller and the
// log have what is certain, and nothing is sent again.
func TestCutConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{Unthrottled: true})
	// With one connection, payments use it again as well: they would rather open another than use one that was used just now.
	proxy := w.cutting(t, replaceOnce(t, standard+unlimited, "timeout: 20s", "timeout: 20s, max_connections: 1"))
	p := w.start()
	outcomes := map[string]string{}
	for round, c := range []struct {
		name  string
		fresh bool // on a new connection; otherwise on one that has carried a call
		fault fault
		wants
	}{
		{"at the first byte", true, fault{0, never, true}, nothingSent},
		{"at the first byte, in order", true, fault{0, never, false}, nothingSent},
		{"within the hello", true, fault{100, never, true}, nothingSent},
		{"before the provider's hello", true, fault{never, 0, true}, nothingSent},
		{"within the handshake", true, fault{never, 300, false}, nothingSent},
		{"before the request", false, fault{0, never, true}, halfSent},
		{"before the request, in order", false, fault{0, never, false}, halfSent},
		{"within the request", false, fault{100, never, true}, halfSent},
		{"within the request, in order", false, fault{100, never, false}, halfSent},
		{"before the answer", false, fault{never, 0, true}, answerLost},
		{"before the answer, in order", false, fault{never, 0, false}, answerLost},
		{"within the answer", false, fault{never, 60, true}, answerLost},
		{"within the answer, in order", false, fault{never, 60, false}, answerLost},
	} {
		for kind := range orderKinds {
			t.Run(c.name+"/"+orderKinds[kind].method, func(t *testing.T) {
				proxy.prepare(p, c.fresh, orderName(round, kind, 0), c.fault)
				order := orderName(round, kind, 1)
				outcomes[order] = c.outcome
				w.endsAs(t, p, kind, order, c.wants, proxy)
			})
		}
	}
	p.stop()
	recorded := w.ordersOnRecord()
	checkOnce(t, w.ordersThatArrived(), recorded)
	for order, want := range outcomes {
		if h := recorded[order]; h == nil || h.outcome == nil || h.outcome.Outcome != want {
			t.Errorf("order %s is on record as %+v, want %s", order, h, want)
		}
	}
}

// prepare leaves the gateway with no connection that would be used again, or with one, on which a fault waits.
func (x *faultProxy) prepare(p *process, fresh bool, warmUp string, f fault) {
	x.t.Helper()
	x.breakAll(true)
	x.gone()
	x.planned(func() fault { return f })
	if fresh {
		return
	}
	x.planned(nil)
	if got := send(x.t, &http.Transport{DisableKeepAlives: true}, p.orderRequest(0, warmUp)); got.status != http.StatusOK {
		x.t.Fatalf("without a fault: %d %s", got.status, got.body)
	}
	x.arm(f)
}

// gone waits until no connection is open.
func (x *faultProxy) gone() {
	x.t.Helper()
	eventually(x.t, "the gateway has left its broken connections", func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		return len(x.links) == 0
	})
}

// endsAs makes a call and holds its answer and the provider's calls against what is wanted. A request that
// is sent again would need another connection.
func (w *world) endsAs(t *testing.T, p *process, kind int, order string, want wants, proxy *faultProxy) {
	t.Helper()
	before := proxy.dialled()
	got := send(t, &http.Transport{DisableKeepAlives: true}, p.orderRequest(kind, order))
	if got.code != want.code || got.status != http.StatusBadGateway || got.header.Get("Retry-After") != "" {
		t.Errorf("got %d %s, want 502 %s without Retry-After", got.status, got.body, want.code)
	}
	if times := w.ordersThatArrived()[order]; times != want.arrived {
		t.Errorf("arrived %d times, want %d", times, want.arrived)
	}
	if n := proxy.dialled() - before; n > 1 || n == 1 && want.outcome != logfile.NotSent {
		t.Errorf("the gateway dialled %d times for one call", n)
	}
}

// TestUnreachableUpstreams has providers that cannot be reached: nothing was sent, and the gateway says so.
func TestUnreachableUpstreams(t *testing.T) {
	t.Parallel()
	silent := testListener(t) // accepts, by the kernel, and never says a word
	refusing := testListener(t)
	refusing.Close()
	for _, c := range []struct {
		name, address, code string
		status              int
	}{
		{"refuses", refusing.Addr().String(), "TG.7001", 502},
		{"never shakes hands", silent.Addr().String(), "TG.7003", 504},
		{"has no address", "bss.onion:443", "TG.7001", 502}, // names of .onion are never looked for in the DNS (RFC 7686)
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, bsssim.Config{})
			w.values.Upstream = c.address
			p := w.configure(replaceOnce(t, standard+unlimited, "timeout: 20s", "timeout: 20s, connect_timeout: 200ms")).start()
			for kind := range orderKinds {
				got := send(t, &http.Transport{DisableKeepAlives: true}, p.orderRequest(kind, orderName(kind)))
				if got.status != c.status || got.code != c.code {
					t.Errorf("%s: got %d %s, want %d %s", orderKinds[kind].method, got.status, got.body, c.status, c.code)
				}
			}
			p.stop()
			for order, h := range w.ordersOnRecord() {
				if h.outcome == nil || h.outcome.Outcome != logfile.NotSent {
					t.Errorf("order %s is on record as %+v", order, h.outcome)
				}
			}
		})
	}
}

func testListener(t testing.TB) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

// TestRandomCuts breaks connections at random places while several callers call. In the end what the callers learned,
// what is on record and what arrived agree, and the gateway is as small as before.
func TestRandomCuts(t *testing.T) {
	t.Parallel()
	worlds, calls := 1, 60
	if soaking() {
		worlds, calls = 20, 500
	}
	random := rand.New(rand.NewPCG(seed(t), 3))
	for range worlds {
		w := newWorld(t, bsssim.Config{Unthrottled: true})
		proxy := w.cutting(t, standard+unlimited)
		p := w.start()
		rest := w.atRest(p, proxy)
		proxy.planned(randomFaults(random.Uint64()))
		answers := w.callAll(p, calls)
		proxy.planned(nil)
		w.returnsTo(p, func() { proxy.breakAll(true) }, rest, loadWorkers)
		p.stop()
		w.checkAnswers(answers)
	}
}

// randomFaults returns connections that break somewhere in their first calls. A handshake and a call take about 3,000
// bytes of each direction.
func randomFaults(seed uint64) func() fault {
	random := rand.New(rand.NewPCG(seed, 4))
	return func() fault {
		f := fault{never, never, random.IntN(2) == 0}
		switch random.IntN(3) {
		case 0:
			f.up = random.Int64N(1500) // a hello
		case 1:
			f.up = random.Int64N(6000)
		default:
			f.down = random.Int64N(6000)
		}
		return f
	}
}

// callAll has eight callers make so many calls each, and returns the answers by order.
func (w *world) callAll(p *process, calls int) map[string]answer {
	var mu sync.Mutex
	answers := map[string]answer{}
	var working sync.WaitGroup
	for worker := range loadWorkers {
		working.Go(func() {
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			for i := range calls {
				order := orderName(worker, i)
				got, err := ask(transport, p.orderRequest((worker+i)%len(orderKinds), order))
				if err != nil {
					w.t.Errorf("order %s: the gateway broke the connection to its caller: %v", order, err)
				}
				mu.Lock()
				answers[order] = got
				mu.Unlock()
			}
		})
	}
	working.Wait()
	return answers
}

// checkAnswers holds what callers learned against the log and the provider.
func (w *world) checkAnswers(answers map[string]answer) {
	w.t.Helper()
	arrived, recorded := w.ordersThatArrived(), w.ordersOnRecord()
	checkOnce(w.t, arrived, recorded)
	ends := map[string]int{}
	for order, got := range answers {
		h := recorded[order]
		if h == nil || h.outcome == nil {
			w.t.Errorf("order %s is not on record", order)
			continue
		}
		ends[fmt.Sprintf("%s, arrived %d times", h.outcome.Outcome, arrived[order])]++
		if meaning := got.meaning(); meaning != h.outcome.Outcome {
			w.t.Errorf("order %s: got %d %s, which means %s; on record as %s", order, got.status, got.code, meaning, h.outcome.Outcome)
		}
		if strings.HasPrefix(got.code, "TG.") || arrived[order] == 1 {
			continue
		}
		w.t.Errorf("order %s: got the provider's answer %d, but the provider was not asked", order, got.status)
	}
	w.t.Logf("ends: %v", ends)
	for _, end := range []string{"not_sent, arrived 0 times", "unknown, arrived 0 times", "unknown, arrived 1 times"} {
		if ends[end] == 0 {
			w.t.Errorf("no call ended as %q: the test says little", end)
		}
	}
}

// meaning is the outcome that an answer stands for.
func (a answer) meaning() string {
	switch a.code {
	case "TG.7001", "TG.7003":
		return logfile.NotSent
	case "TG.7002", "TG.7004":
		return logfile.Unknown
	}
	return a.header.Get("Tollgate-Outcome")
}
