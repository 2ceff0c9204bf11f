package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"tollgate/internal/text"
)

// Progress draws a bar on a terminal, and nothing elsewhere.
type Progress struct {
	w     io.Writer // nil unless it is a terminal
	next  time.Time
	drawn bool
}

const (
	progressFirst = time.Second            // runs that are shorter show none
	progressEvery = 200 * time.Millisecond // how often it is drawn
	progressWidth = 40                     // columns of the bar
)

// NewProgress returns a progress bar on w, which is drawn if w is a terminal.
func NewProgress(w io.Writer) *Progress {
	p := &Progress{next: time.Now().Add(progressFirst)}
	if text.IsTerminal(w) {
		p.w = w
	}
	return p
}

// Show draws the bar for done of total bytes.
func (p *Progress) Show(done, total int64) {
	if p.w == nil || total <= 0 {
		return
	}
	now := time.Now()
	if now.Before(p.next) {
		return
	}
	p.next, p.drawn = now.Add(progressEvery), true
	part := min(float64(done)/float64(total), 1)
	full := int(part * progressWidth)
	fmt.Fprintf(p.w, "\r[%s%s] %3.0f%% of %d MB", strings.Repeat("#", full), strings.Repeat("-", progressWidth-full), part*100, total/1e6)
}

// Clear removes the bar.
func (p *Progress) Clear() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
