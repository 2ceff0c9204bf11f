package evidence

import (
	"context"
	"errors"
	"slices"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/audit/proof"
	"tollgate/audit/store"
	"tollgate/catalog"
)

// Call is one call, with what the log has about it.
type Call struct {
	*calls.Call
	Events []*logfile.Record // about it
	Lines  []Line            // of its records and of these events, in the order of the log
}

// Line is a record exactly as it stands in the log, without its line feed.
type Line struct {
	Seq  uint64
	Text string
}

// ErrNoCall is the error of an id that no record of the log has.
var ErrNoCall = errors.New("no record of the log has this call id")

// Call returns the call with an id; of several, which no gateway writes, the last one.
func (l *Log) Call(ctx context.Context, id string) (*Call, error) {
	c, err := l.call(ctx, id)
	if err != nil {
		return nil, err
	}
	found := &Call{Call: c}
	err = l.events(ctx, &store.EventFilter{Subject: id}, func(r *logfile.Record) error {
		found.Events = append(found.Events, r)
		return nil
	})
	if err != nil {
		return found, err
	}
	found.Lines, err = l.Lines(ctx, found.seqs()...)
	return found, err
}

func (l *Log) call(ctx context.Context, id string) (found *calls.Call, err error) {
	err = l.Source().Calls(ctx, &calls.Filter{Call: id}, func(c *calls.Call) error {
		found = c
		return nil
	})
	if err == nil && found == nil {
		err = ErrNoCall
	}
	return found, err
}

// Records returns the call's records, in the order of the log.
func (c *Call) Records() (records []*logfile.Record) {
	for _, r := range []*logfile.Record{c.Intent, c.Refusal, c.Outcome} {
		if r != nil {
			records = append(records, r)
		}
	}
	return records
}

func (c *Call) seqs() (seqs []uint64) {
	for _, r := range append(c.Records(), c.Events...) {
		seqs = append(seqs, r.Seq)
	}
	slices.Sort(seqs)
	return slices.Compact(seqs)
}

// Lines returns the lines of some records, in their order. It opens only the segments where they stand.
func (l *Log) Lines(ctx context.Context, seqs ...uint64) ([]Line, error) {
	files, err := logfile.List(l.FS)
	if err != nil {
		return nil, err
	}
	var lines []Line
	for _, seq := range seqs {
		if ctx.Err() != nil {
			return lines, ctx.Err()
		}
		text, err := l.line(ctx, logfile.Segments(files), seq)
		if err != nil {
			return lines, err
		}
		lines = append(lines, Line{seq, text})
	}
	return lines, nil
}

// errNoLine is the error of a record that no segment has.
var errNoLine = errors.New("the record is not in the files of the log")

func (l *Log) line(ctx context.Context, segments []logfile.File, seq uint64) (string, error) {
	at, exact := slices.BinarySearchFunc(segments, seq, func(f logfile.File, seq uint64) int {
		switch {
		case f.First < seq:
			return -1
		case f.First > seq:
			return 1
		}
		return 0
	})
	if !exact {
		at--
	}
	if at < 0 {
		return "", errNoLine
	}
	r, err := logfile.Open(l.FS, segments[at].Name)
	if err != nil {
		return "", err
	}
	defer r.Close() // opened for reading: nothing can be lost
	if !r.Seeks() {
		return walk(ctx, r, seq)
	}
	text, err := r.Find(seq)
	if err == nil && text == nil {
		err = errNoLine
	}
	return string(text), err
}

// walk reads a segment from its beginning, as that of an archive has to be.
func walk(ctx context.Context, r *logfile.Reader, seq uint64) (string, error) {
	for line, err := range r.Lines() {
		if err = errorOr(err, ctx); err != nil {
			return "", err
		}
		if line.Seq == seq {
			return string(line.Text), nil
		}
	}
	return "", errNoLine
}

// Relation is how another call belongs to one.
type Relation string

// The relations, of the other call.
const (
	MadeFor   Relation = "made_for"   // the gateway made this one for it
	Made      Relation = "made"       // the gateway made it for this one
	Priced    Relation = "priced"     // it read the price of this one
	Settled   Relation = "settled"    // it showed the outcome of this one, which was unknown
	Holds     Relation = "holds"      // it holds what this one is about
	Held      Relation = "held"       // it was refused because of this one
	Repeats   Relation = "repeats"    // it repeats this one on purpose
	Repeated  Relation = "repeated"   // this one repeats it on purpose
	SameOrder Relation = "same_order" // it names the same order
)

// Relations lists them.
func Relations() []Relation {
	return []Relation{MadeFor, Made, Priced, Settled, Holds, Held, Repeats, Repeated, SameOrder}
}

// Related is another call of the same act.
type Related struct {
	*calls.Call
	Relation Relation
}

// Bounds of a search for related calls.
const (
	someOrders   = 3  // of the call are looked for
	someOfOrder  = 50 // calls of each, the last ones
	someMentions = 20 // calls that records name
)

// Related returns the calls that the records name, and those that name an order of the call, the earliest first. After an error it returns those
// that were found until then.
func (l *Log) Related(ctx context.Context, c *Call) ([]Related, error) {
	var found []Related
	add := func(other *calls.Call, relation Relation) {
		if other.ID() != c.ID() && !slices.ContainsFunc(found, func(r Related) bool { return r.ID() == other.ID() }) {
			found = append(found, Related{other, relation})
		}
	}
	err := errors.Join(l.mentioned(ctx, c, add), l.ofOrders(ctx, c, add))
	slices.SortStableFunc(found, func(a, b Related) int { return a.Time().Compare(b.Time()) })
	return found, err
}

// mention is an id of a call in a record.
type mention struct {
	id       string
	relation Relation
}

// mentions are the calls that the records of c name.
func (c *Call) mentions() (all []mention) {
	all = append(all, mention{c.For(), MadeFor})
	for _, r := range c.Records() {
		if r.Spending == nil {
			continue
		}
		all = append(all, mention{r.HeldBy, Holds}, mention{r.Repeats, Repeated})
		if r.Price != nil {
			all = append(all, mention{r.Price.Call, Priced})
		}
	}
	for _, r := range c.Events {
		switch r.Event {
		case logfile.EventResolved:
			all = append(all, mention{r.Data["from"], Settled})
		case logfile.EventRepeated:
			all = append(all, mention{r.Data["call"], Repeats})
		}
	}
	return slices.DeleteFunc(all, func(m mention) bool { return m.id == "" })
}

func (l *Log) mentioned(ctx context.Context, c *Call, add func(*calls.Call, Relation)) error {
	all := c.mentions()
	for _, m := range all[:min(len(all), someMentions)] {
		other, err := l.call(ctx, m.id)
		if errors.Is(err, ErrNoCall) {
			continue // pruned, or not yet there
		}
		if err != nil {
			return err
		}
		add(other, m.relation)
	}
	return nil
}

// ofOrders adds calls that name an order of c. The keys of acts are keyed hashes, by which others cannot be found.
func (l *Log) ofOrders(ctx context.Context, c *Call, add func(*calls.Call, Relation)) error {
	orders := c.Fields(catalog.FieldOrder)
	for _, order := range orders[:min(len(orders), someOrders)] {
		err := l.Source().Calls(ctx, &calls.Filter{Order: order, Last: someOfOrder}, func(other *calls.Call) error {
			add(other, relationOf(other, c))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// relationOf returns how a call that names the same order belongs to c.
func relationOf(other *calls.Call, c *Call) Relation {
	row := other.Row(other.Time().Location())
	switch c.ID() {
	case row.For:
		return Made
	case row.HeldBy:
		return Held
	case row.Repeats:
		return Repeats
	}
	return SameOrder
}

// Proof returns the proof that the records of a call are in the tree of a signed checkpoint. It is made of the log's lines and checked now. An
// error that wraps [proof.ErrNotCovered] is temporary.
func (l *Log) Proof(ctx context.Context, id string) (*proof.Call, error) {
	log, err := proof.OpenLog(l.FS)
	if err != nil {
		return nil, err
	}
	log = log.Until(ctx)
	if l.Index == nil {
		return log.ProveCall(id)
	}
	c, err := l.call(ctx, id)
	if err != nil {
		return nil, err
	}
	return log.ProveCallFrom(id, c.Seq())
}
