package chaos

import (
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// note is what a caller got for one request.
type note struct {
	kind         *kind
	act          string
	life         *life         // whom it asked
	copied       bool          // the same signed request was sent to another gateway, too
	repeated     bool          // the act was attempted before
	leaves       time.Duration // how long the caller waits for the answer; 0: as long as it takes
	began, ended time.Time
	status       int
	code         string // of the gateway's own errors; empty: the provider answered
	call         string
	err          error
}

// load are callers that call until they are stopped.
type load struct {
	w       *world
	stopped chan struct{}
	ticking sync.WaitGroup
	calling sync.WaitGroup
	open    atomic.Int64
	skipped int // no gateway was up, or too many calls were open
	made    int
}

// maxOpen is how many calls callers have open at the most. It is far beyond what a gateway that answers leads to.
const maxOpen = 500

func (w *world) startLoad() *load {
	l := &load{w: w, stopped: make(chan struct{})}
	random := w.random(200)
	l.ticking.Go(func() {
		ticker := time.NewTicker(time.Second / callsPerSecond)
		defer ticker.Stop()
		for {
			select {
			case <-l.stopped:
				return
			case <-ticker.C:
				l.tick(rand.New(rand.NewPCG(random.Uint64(), 0)))
			}
		}
	})
	return l
}

func (l *load) stop() {
	close(l.stopped)
	l.ticking.Wait()
	l.calling.Wait()
	l.w.happened("load: %d calls, %d skipped", l.made, l.skipped)
}

// tick makes a call beside those that are open.
func (l *load) tick(random *rand.Rand) {
	k := drawKind(random.IntN(100))
	l.made++
	act, at := k.act(l.made), l.w.choose(k, l.made, random)
	if at == nil || l.open.Load() >= maxOpen {
		l.skipped++
		return
	}
	l.open.Add(1)
	l.calling.Go(func() {
		defer l.open.Add(-1)
		l.w.call(k, act, at, random)
	})
}

// choose returns the gateway for a call; nil: it is not up.
func (w *world) choose(k *kind, n int, random *rand.Rand) *life {
	r := w.replicas[len(members)]
	switch k.where {
	case anywhere:
		r = w.replicas[random.IntN(len(members))]
	case pinned:
		r = w.replicas[n%len(members)]
	}
	if l := r.current(); l.running() {
		return l
	}
	return nil
}

// call makes a call, and now and then more of it: a copy at another member at the same time, or the act once more. It returns what came
// of the first request, unless that was copied.
func (w *world) call(k *kind, act string, at *life, random *rand.Rand) *note {
	i, release := w.callers.use(k.caller)
	defer release()
	s, err := i.prepare(k, act, 0)
	if err != nil {
		w.t.Errorf("signing: %v", err)
		return nil
	}
	if k.changes && i.key != "" && k.where != alone && random.IntN(8) == 0 {
		w.copies(s, k, act, at)
		return nil
	}
	first := &note{kind: k, act: act, life: at}
	if random.IntN(30) == 1 {
		first.leaves = time.Duration(1+random.IntN(200)) * time.Millisecond
	}
	w.send(s, first)
	if now := at.replica.current(); k.mayRepeat && random.IntN(8) == 0 && now.running() {
		if s, err = i.prepare(k, act, 1); err == nil {
			w.send(s, &note{kind: k, act: act, life: now, repeated: true})
		}
	}
	return first
}

// copies sends one signed request to a member and the next one at the same time.
func (w *world) copies(s *sending, k *kind, act string, at *life) {
	var both sync.WaitGroup
	next := (slices.Index(members, at.name) + 1) % len(members)
	for _, l := range []*life{at, w.replicas[next].current()} {
		both.Go(func() { w.send(s, &note{kind: k, act: act, life: l, copied: true}) })
	}
	both.Wait()
}

// send sends a request, and notes what came of it.
func (w *world) send(s *sending, n *note) {
	r, err := s.request(n.life.address("https"))
	if err != nil {
		w.t.Errorf("a request: %v", err)
		return
	}
	if n.leaves > 0 {
		leaving, cancel := context.WithTimeout(context.Background(), n.leaves)
		defer cancel()
		r = r.WithContext(leaving)
	}
	n.began = time.Now()
	n.ask(s.identity.transport, r)
	n.ended = time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notes = append(w.notes, n)
}

func (n *note) ask(transport http.RoundTripper, r *http.Request) {
	client := http.Client{Transport: transport, Timeout: patience}
	response, err := client.Do(r)
	if err != nil {
		n.err = err
		return
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	n.status, n.call, n.err = response.StatusCode, response.Header.Get("Tollgate-Call-Id"), err
	var problem struct {
		ErrorCode string `json:"error_code"`
	}
	if json.Unmarshal(body, &problem) == nil && strings.HasPrefix(problem.ErrorCode, "TG.") {
		n.code = problem.ErrorCode
	}
}
