package gateway

import (
	"errors"
	"net/http"
	"os"
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
	control *http.ResponseController
	ends    time.Time // Bounds.BodyTimeout
	first   bool      // the first byte has come
	bytes   int       // since the time began that is running
}

// start begins the time for the first byte.
func (p *bodyPace) start() {
	_ = p.control.SetReadDeadline(earlier(time.Now().Add(paceTime), p.ends))
}

// got takes note of bytes that came, of a body that goes on.
func (p *bodyPace) got(n int) {
	if p.bytes += n; n == 0 || p.first && p.bytes < paceBytes {
		return
	}
	p.first, p.bytes = true, 0
	p.start()
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
		return refusal(bodyTooSlow, "the body must arrive within %s", c.Bounds.BodyTimeout)
	case !c.pace.first:
		c.cutOff(settingBodyPace, causePace)
		return refusal(bodyTooSlow, "the first byte of the body must arrive within %s of the header", paceTime)
	}
	c.cutOff(settingBodyPace, causePace)
	return refusal(bodyTooSlow, "%d bytes of the body, or the rest of it, must arrive in any %s", paceBytes, paceTime)
}

// How fast the caller must take a streamed answer: takenBytes in any takenTime for which there were bytes for it all the time.
const (
	takenTime  = 10 * time.Second
	takenBytes = 64 << 10
)

// answerPace watches over the pace at which the caller takes a streamed answer.
type answerPace struct {
	waited time.Duration // for the caller, since takenBytes were taken last
	taken  int           // since then
}

// pass passes on a part of the answer and reports whether the caller took it. Only the time for which the caller keeps it
// waiting counts.
func (p *answerPace) pass(c *call, part []byte) bool {
	setting, patience := settingAnswerPace, takenTime-p.waited
	if c.Bounds.WriteTimeout < patience {
		setting, patience = settingWriteTimeout, c.Bounds.WriteTimeout
	}
	begun := time.Now()
	_ = c.control.SetWriteDeadline(begun.Add(patience))
	_, err := c.writer.Write(part)
	p.waited += time.Since(begun)
	if p.taken += len(part); p.taken >= takenBytes {
		p.waited, p.taken = 0, 0
	}
	if errors.Is(err, os.ErrDeadlineExceeded) || err == nil && p.waited >= takenTime {
		c.cutOff(setting, causePace)
		return false // the deadline stays: the server may still hold bytes to flush
	}
	_ = c.control.SetWriteDeadline(time.Time{}) // HTTP/2 resets a stream whose time is over, even while nothing is being written
	return err == nil
}
