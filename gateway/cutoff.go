package gateway

import (
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

// Settings besides those of [settings] for which calls are cut off.
const (
	settingConnections  = "upstream.max_connections"
	settingBodyTimeout  = "bounds.body_timeout"
	settingWriteTimeout = "bounds.write_timeout"
	settingBodyPace     = "body pace"   // paceBytes in paceTime
	settingAnswerPace   = "answer pace" // takenBytes in takenTime
	causePace           = "pace"
)

// CutOff is a setting and why it cut a call off: a share in it was used up ("caller", "source", …; "all" is the whole of it),
// or a peer was slower than it asks for ("pace").
type CutOff struct{ Setting, Cause string }

// CutOffs lists all that [Observer].CutOff is called with.
func CutOffs() []CutOff {
	all := []CutOff{
		{settingConnections, shares[ofCaller].cause},
		{settingBodyTimeout, causePace}, {settingWriteTimeout, causePace}, {settingBodyPace, causePace}, {settingAnswerPace, causePace},
	}
	for of := range bodyBytes { // firstBytes and bodyBytes have one setting
		for _, share := range shares {
			all = append(all, CutOff{settings[of], share.cause})
		}
	}
	return all
}

// cutOffLog logs each kind of cut-off once a second at the most.
type cutOffLog struct {
	mutex sync.Mutex
	last  map[CutOff]*rate.Sometimes // no more than CutOffs
}

func (l *cutOffLog) of(kind CutOff) *rate.Sometimes {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.last == nil {
		l.last = map[CutOff]*rate.Sometimes{}
	}
	if l.last[kind] == nil {
		l.last[kind] = &rate.Sometimes{Interval: time.Second}
	}
	return l.last[kind]
}

// cutOff notes that the call is cut off, and by which setting.
func (c *call) cutOff(setting, cause string) {
	kind := CutOff{setting, cause}
	c.Observer.CutOff(kind)
	c.cutOffs.of(kind).Do(func() {
		c.Logger.Warn("a call is cut off; the metric tollgate_cut_off_total counts all of them",
			append(callFields(c, "setting", setting, "cause", cause), zap.Stringer("source", c.from))...)
	})
}
