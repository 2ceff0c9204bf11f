package pace

import (
	"bytes"
	"context"
	"testing"
	"time"
)

// rests counts what it is to rest for.
type rests struct {
	worked time.Duration
	times  int
}

func (r *rests) Worked(_ context.Context, worked time.Duration) {
	r.worked, r.times = r.worked+worked, r.times+1
}

// worked makes a context whose work began a while ago.
func worked(r Rester, since time.Duration) context.Context {
	return context.WithValue(context.Background(), key{}, &steps{r, time.Now().Add(-since)})
}

func TestStepRestsForWorkThatIsOver(t *testing.T) {
	r := &rests{}
	ctx := worked(r, time.Hour)
	Step(ctx)
	if r.times != 1 || r.worked < time.Hour {
		t.Errorf("it rested %d times for %s of work, want once for an hour", r.times, r.worked)
	}
	if s := ctx.Value(key{}).(*steps); time.Since(s.woke) > time.Hour/2 {
		t.Error("work that it has rested for counts again")
	}
}

func TestShortWorkGoesOn(t *testing.T) {
	r := &rests{}
	Step(worked(r, -time.Hour))
	if r.times != 0 {
		t.Error("it rested before a stretch of work was over")
	}
}

func TestWithoutResterNothingRests(t *testing.T) {
	var b bytes.Buffer
	Step(t.Context())
	if w := Writer(t.Context(), &b); w != &b {
		t.Errorf("Writer returned %T, want the writer itself", w)
	}
}

func TestEachWriteIsAStep(t *testing.T) {
	r, b := &rests{}, bytes.Buffer{}
	if _, err := Writer(worked(r, time.Hour), &b).Write([]byte("text")); err != nil {
		t.Fatal(err)
	}
	if r.times != 1 || b.String() != "text" {
		t.Errorf("a write rested %d times and wrote %q", r.times, b.String())
	}
}

func TestContextsMadeOfOneRest(t *testing.T) {
	r := &rests{}
	ctx, cancel := context.WithTimeout(worked(r, time.Hour), time.Minute)
	defer cancel()
	if Step(ctx); r.times != 1 {
		t.Error("with a deadline it does not rest")
	}
}
