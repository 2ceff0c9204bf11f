package ratelimit

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/internal/setting"
)

// arrival of a call of the quiet caller, and how long it waited.
type waited struct{ at, wait time.Duration }

// besideBusy has a quiet caller send calls at random times for two minutes, half of its share of 20 a second, beside three that always have so
// many calls under way. It returns what the quiet one's calls waited, in the order in which they came.
func besideBusy(t *testing.T, c Config, underWay int) (all []*waited) {
	l := mustNew(t, c)
	var calls sync.WaitGroup
	start, most := time.Now(), 2*time.Minute
	for _, caller := range []string{"busy", "other", "third"} {
		for range underWay {
			calls.Go(func() {
				for time.Since(start) < most {
					takeInBackground(t, l, Subject{Caller: caller, Operation: "o", Credential: "c", Quota: 20})
				}
			})
		}
	}
	random := rand.New(rand.NewPCG(7, 7))
	for time.Since(start) < most {
		time.Sleep(time.Duration(random.ExpFloat64() / 2.5 * float64(time.Second)))
		w := &waited{at: time.Since(start)}
		all = append(all, w)
		calls.Go(func() {
			v := takeInBackground(t, l, Subject{Caller: "quiet", Operation: "o", Credential: "c", Quota: 20})
			if w.wait = v.Waited; !v.Allowed {
				t.Errorf("a call of the quiet caller is refused: %+v", v)
			}
		})
	}
	calls.Wait()
	return all
}

func meanAndLongest(all []*waited) (mean, longest time.Duration) {
	for _, w := range all {
		mean += w.wait
		longest = max(longest, w.wait)
	}
	return mean / time.Duration(len(all)), longest
}

// fairLimits are the limits that four callers share: 20 calls a second, one after the other.
func fairLimits() map[string]Config {
	const most = 10 * time.Minute
	return map[string]Config{
		"bucket": {MaxWait: setting.Duration(most), Rules: []Rule{{Name: "all", Rate: 20, Burst: 1}}},
		"window": published(most),
	}
}

// TestFairQueueing: that others send a hundred times what they get must not more than double what a caller waits beside them, compared with
// others who use all that they get and no more.
func TestFairQueueing(t *testing.T) {
	for name, c := range fairLimits() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fair, longest := meanAndLongest(besideBusy(t, c, 1))
				busy, longestBusy := meanAndLongest(besideBusy(t, c, 100))
				t.Logf("mean %v, longest %v; beside a hundred times as many calls mean %v, longest %v", fair, longest, busy, longestBusy)
				if busy > 2*fair || longestBusy > 2*longest {
					t.Error("others more than double what the quiet caller waits")
				}
			})
		})
	}
}

// TestFairShare: a call waits no longer than if its caller had its share of the limit for itself, but for one call of each other caller.
func TestFairShare(t *testing.T) {
	for name, c := range fairLimits() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				each := publishedTerms(20).Window / 20 // of the limit; a share is a quarter
				free := time.Duration(0)               // when the share would have its next call
				for i, w := range besideBusy(t, c, 100) {
					free = max(free, w.at) + 4*each
					alone := free - 4*each - w.at
					if most := alone + 4*each; w.wait > most+time.Millisecond && w.at > 5*time.Second { // before, all of the first window is taken
						t.Errorf("call %d, after %v, waited %v, want at most %v", i, w.at, w.wait, most)
					}
				}
			})
		})
	}
}

// TestFairOrder: of those that wait the caller goes first that has been let through least since calls wait, and within a caller the
// first that came.
func TestFairOrder(t *testing.T) {
	for name, c := range map[string]struct{ arrivals, want string }{
		"one caller":                        {"aaaa", "aaaa"},
		"later, and as many":                {"aaabbb", "aababb"},
		"one among many":                    {"aaaaaab", "aabaaaa"},
		"three":                             {"aaaabbc", "aabcaba"},
		"turns":                             {"abcabc", "abcabc"},
		"no credit for having sent nothing": {"aaaaaa bbb", "aaabababa"}, // b comes when two have gone
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := mustNew(t, Config{MaxWait: LongestMaxWait, Rules: []Rule{{Name: "all", Rate: 1, Burst: 1}}})
				var mu sync.Mutex
				order := ""
				for _, caller := range c.arrivals {
					if caller == ' ' {
						time.Sleep(2500 * time.Millisecond)
						continue
					}
					go func() {
						v := takeInBackground(t, l, Subject{Caller: string(caller)})
						mu.Lock()
						defer mu.Unlock()
						if order += string(caller); !v.Allowed {
							t.Errorf("%+v", v)
						}
					}()
					synctest.Wait()
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if order != c.want {
					t.Errorf("%s went as %s, want %s", c.arrivals, order, c.want)
				}
				if q := &l.meters(Subject{})[0].queue; q.length != 0 || len(q.flows) != 0 || q.virtual != 0 {
					t.Errorf("something is kept of an empty queue: %+v", q)
				}
			})
		})
	}
}

// TestAheadIsTheOrder: what is reported to be ahead of a call is what goes before it, for any queue.
func TestAheadIsTheOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(rand.Uint64(), 1))
	for range 300 {
		m := newMeter(1, "m", Terms{Rate: Flow{1, 1}})
		var all []*waiter
		for i := range 1 + random.IntN(40) {
			w := &waiter{arrival: arrival{string(rune('a' + random.IntN(1+random.IntN(6)))), uint64(i + 1)}, wake: make(chan struct{}, 1)}
			m.join(w)
			all = append(all, w)
			if random.IntN(3) == 0 { // some go on the way
				first, _ := m.queue.first()
				first.leave()
				m.queue.charge(first.caller)
				all = slices.DeleteFunc(all, func(w *waiter) bool { return w == first })
			}
		}
		for range len(all) {
			ahead := map[*waiter]int{}
			for _, w := range all {
				ahead[w] = m.queue.ahead(w.caller, w.seq)
			}
			first, _ := m.queue.first()
			if ahead[first] != 0 {
				t.Fatalf("%d are said to go before the first", ahead[first])
			}
			first.leave()
			m.queue.charge(first.caller)
			all = slices.DeleteFunc(all, func(w *waiter) bool { return w == first })
			for _, w := range all {
				if now := m.queue.ahead(w.caller, w.seq); now != ahead[w]-1 {
					t.Fatalf("of %d calls before it, %d are left after one went", ahead[w], now)
				}
			}
		}
	}
}

// TestPlacesAreShared: one caller's calls never take more places than are left to others.
func TestPlacesAreShared(t *testing.T) {
	p := Places{most: 100}
	for i := range 50 {
		if !p.Take("busy") {
			t.Fatalf("place %d of 100 is refused", i)
		}
	}
	if p.Take("busy") {
		t.Error("the busy caller has more places than it leaves")
	}
	for i := range 25 {
		if !p.Take("quiet") {
			t.Fatalf("the other caller's place %d is refused", i)
		}
	}
	if p.Take("quiet") || p.Take("busy") || !p.Take("third") || p.Taken() != 76 {
		t.Errorf("%d places are taken", p.Taken())
	}
	for range 50 {
		p.Leave("busy")
	}
	if !p.Take("quiet") || len(p.of) != 2 {
		t.Errorf("places that were left are not free: %v", p.of)
	}
}
