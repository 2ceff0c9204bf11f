package audit

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/setting"
	"tollgate/replay"
)

// TestNothingPaysTwice: the clock is ahead at some of many starts in a row, and right again at once. Then each signature that was ever
// accepted comes again. The calls came while the clock was right, with dates as far off as they may be.
func TestNothingPaysTwice(t *testing.T) {
	eachSeed(t, 2, func(t *testing.T, seed uint64) {
		p := &payments{T: t, rng: rand.New(rand.NewPCG(seed, 31)), d: newMemDisk(), used: map[replay.Key]time.Time{}}
		for range 40 {
			p.run()
		}
	})
}

type payments struct {
	*testing.T
	rng   *rand.Rand
	d     *memDisk
	ahead atomic.Int64 // of the clock
	used  map[replay.Key]time.Time
}

func (p *payments) pick(all ...time.Duration) time.Duration { return all[p.rng.IntN(len(all))] }

// run is one run of a gateway, from its start to its end.
func (p *payments) run() {
	cfg := growing(p.d)
	cfg.SegmentSize, cfg.Checkpoints.Records, cfg.Preallocate = setting.Size(2+p.rng.IntN(60))<<10, 1+p.rng.IntN(20), 8<<10
	cfg.Now = func() time.Time { return time.Now().Add(time.Duration(p.ahead.Load())) }
	p.ahead.Store(int64(p.pick(0, 0, 0, 40*time.Minute, 20*time.Hour, 3*time.Minute)))
	l, found, err := Open(cfg)
	if err != nil {
		p.Fatal(err)
	}
	p.again(found, cfg.Now())
	time.Sleep(p.pick(0, time.Second, 2*time.Second))
	if p.rng.IntN(3) > 0 {
		p.ahead.Store(0)
	}
	for range p.rng.IntN(40) {
		time.Sleep(p.pick(time.Millisecond, time.Second, 20*time.Second, time.Minute, 2*time.Minute))
		p.pay(l)
	}
	switch p.rng.IntN(3) {
	case 0:
		if err := l.Close(p.Context()); err != nil {
			p.Error(err)
		}
		p.d = p.d.kill()
	case 1:
		p.d = p.d.kill()
	default:
		p.d = p.d.powerLoss(p.rng)
	}
	end(l)
	synctest.Wait()
}

// again has each signature come again, by the right clock.
func (p *payments) again(found Recovery, now time.Time) {
	m := replay.New(1 << 20)
	for _, s := range found.Signatures {
		k, err := replay.ParseKey(s.Hash)
		if err == nil {
			err = m.Refill(k, s.Date, now, found.Earliest)
		}
		if err != nil {
			p.Fatal(err)
		}
	}
	for k, date := range p.used {
		if m.Mark(p.Context(), k, date, time.Now()) == nil {
			p.Errorf("the signature of %v pays twice at %v; earliest %v", date, time.Now(), found.Earliest)
		}
	}
}

// pay makes a call by the right clock, or one that is refused.
func (p *payments) pay(l *Log) {
	if p.ahead.Load() != 0 {
		_ = l.Queue(&logfile.Record{Kind: logfile.KindRefusal})
		return
	}
	hash := fmt.Sprintf("%064x", len(p.used))
	k, err := replay.ParseKey(hash)
	if err != nil {
		p.Fatal(err)
	}
	date := time.Now().Add(p.pick(-replay.Window, 0, replay.Window))
	p.used[k] = date
	r := &logfile.Record{Call: hash, Effect: "spend", SignatureHash: hash, SignatureDate: date}
	if err := l.Intent(p.Context(), r); err != nil {
		p.Fatal(err)
	}
	if p.rng.IntN(5) > 0 {
		_ = l.Queue(&logfile.Record{Kind: logfile.KindOutcome, Call: hash, Outcome: logfile.Succeeded})
	}
}
