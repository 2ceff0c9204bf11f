package gateway

import (
	"errors"
	"os"
	"sync"
	"time"
)

// How fast a body must come: its first byte within paceTime of the header, or of "100 Continue", then paceBytes or the rest in
// any paceTime. Bounds.BodyTimeout holds besides.
const (
	paceTime  = 5 * time.Second
	paceBytes = 1 << 10
)

// bodyPace watches over the pace of a body that is being read.
type bodyPace struct {
	call  *call
	ends  time.Time // Bounds.BodyTimeout
	begun time.Time // when the time began that is running
	first bool      // the first byte has come
	bytes int       // since then
}

// paceStep spares large bodies a new deadline for each of their reads. Time may run out that much too early.
const paceStep = 100 * time.Millisecond

// start begins the time for the first byte.
func (p *bodyPace) start() { p.startAt(time.Now()) }

func (p *bodyPace) startAt(now time.Time) {
	p.begun = now
	_ = p.call.control.SetReadDeadline(earlier(now.Add(paceTime), p.ends))
	if p.call.givenUp() { // which may have come before the deadline that was just set
		_ = p.call.control.SetReadDeadline(past)
	}
}

// got takes note of bytes that came, of a body that goes on.
func (p *bodyPace) got(n int) {
	if p.bytes += n; n == 0 || p.first && p.bytes < paceBytes {
		return
	}
	now := time.Now()
	if p.first && now.Sub(p.begun) < paceStep {
		return
	}
	p.first, p.bytes = true, 0
	p.startAt(now)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// tooSlow refuses a body whose time is over.
func (c *call) tooSlow() *Refusal {
	switch {
	case !time.Now().Before(c.pace.ends):
		c.cutOff(settingBodyTimeout, causePace)
		return refusal(bodyTooSlow, "error.body.within", "Time", time.Duration(c.Bounds.BodyTimeout))
	case !c.pace.first:
		c.cutOff(settingBodyPace, causePace)
		return refusal(bodyTooSlow, "error.body.first_within", "Time", paceTime)
	}
	c.cutOff(settingBodyPace, causePace)
	return refusal(bodyTooSlow, "error.body.pace", "Bytes", paceBytes, "Time", paceTime)
}

// How fast the caller must take a streamed answer: takenBytes in any takenTime for which there were bytes for it all the time.
const (
	takenTime  = 10 * time.Second
	takenBytes = 64 << 10
	// enoughTaken is a little less, since a peer on this machine takes segments of just under 64 KiB.
	enoughTaken = takenBytes - 1<<10
)

// answerPace watches over the pace at which the caller takes a streamed answer. Only the time for which the caller keeps a part
// waiting counts. What was taken is what the network says, where that is known, or else the parts that are passed on.
type answerPace struct {
	call *call

	mutex   sync.Mutex // for check, which runs beside a part that waits
	timer   *time.Timer
	waiting bool          // a part is being passed on
	begun   time.Time     // when it, or the count during it, began to wait
	waited  time.Duration // before that, since the count began
	from    int64         // what was taken when the count began
	passed  int64         // bytes of parts
	slow    bool
}

// pass passes on a part of the answer and reports whether the caller took it.
func (p *answerPace) pass(part []byte) bool {
	p.start()
	_, err := p.call.writer.Write(part)
	if err == nil {
		p.passed += int64(len(part))
	}
	if slow := p.stop(); slow {
		p.call.cutOff(settingAnswerPace, causePace)
		return false // the deadline stays: the server may still hold bytes to flush
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		p.call.cutOff(settingWriteTimeout, causePace)
		return false
	}
	_ = p.call.control.SetWriteDeadline(time.Time{}) // HTTP/2 resets a stream whose time is over, even while nothing is being written
	return err == nil
}

func (p *answerPace) start() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.waiting, p.begun = true, time.Now()
	_ = p.call.control.SetWriteDeadline(p.begun.Add(time.Duration(p.call.Bounds.WriteTimeout)))
	if p.timer == nil {
		p.from = p.taken()
		p.timer = time.AfterFunc(takenTime, p.check)
	} else {
		p.timer.Reset(takenTime - p.waited)
	}
}

// stop ends the wait for a part and reports whether the caller is too slow.
func (p *answerPace) stop() (slow bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.timer.Stop()
	p.waiting = false
	p.waited += time.Since(p.begun)
	if taken := p.taken(); !p.slow && taken-p.from >= enoughTaken {
		p.from, p.waited = taken, 0
	}
	return p.slow || p.waited >= takenTime
}

// check looks, while a part waits, whether the caller has taken enough meanwhile, and cuts it off if not.
func (p *answerPace) check() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if !p.waiting || p.waited+time.Since(p.begun) < takenTime {
		return // the part for which it was to look is passed on
	}
	if taken := p.taken(); taken-p.from >= enoughTaken {
		p.from, p.waited, p.begun = taken, 0, time.Now()
		p.timer.Reset(takenTime)
		return
	}
	p.slow = true
	_ = p.call.control.SetWriteDeadline(time.Now())
}

func (p *answerPace) taken() int64 {
	if known := p.call.connection.Taken; known != nil {
		if bytes, ok := known(); ok {
			return bytes
		}
	}
	return p.passed
}
