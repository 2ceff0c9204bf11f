package review

import (
	"context"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"tollgate/audit/calls"
	"tollgate/review/evidence"
)

const (
	// maxQuery bounds what is searched for, in bytes.
	maxQuery = 256
	// maxFound is how many calls of a kind are counted; the list of calls has all of them.
	maxFound = 100
	// shortID is how many characters the short form of a call's id has.
	shortID = 12
	// callWait is how long after its id was made the first record of a call may be written: it may wait for limits.
	callWait = 5 * time.Minute
)

// lookup is what a text may be, and the calls that have it.
type lookup struct {
	kind    string // of the text: the messages search.kind.… have its name
	filter  calls.Filter
	means   func(*calls.Call) bool // the calls that are meant among those that the filter chooses; nil: all
	address string                 // where all of them are listed; empty: nowhere
	found   []calls.Placed
}

// searchPage is what the template is executed with.
type searchPage struct {
	Query   string
	Hits    []hit
	Records []recordHit
	Late    bool // time was up
	Parts   bool // the end of an id is too short for the index
	Newest  int  // how many calls were looked at for it
	Faults  []string
}

// hit is a kind of which there are calls.
type hit struct {
	Kind    string
	Count   int
	More    bool
	Address string
	Table   callTable // a few
}

// recordHit is a record with the number that is searched for.
type recordHit struct {
	Log, Kind, Event string
	Time             time.Time
	Address          string // of the call that it belongs to
}

// search finds what has an id: one call is shown, and of many a list.
func (s *Server) search(r *request) (*page, error) {
	q := strings.TrimSpace(r.URL.Query().Get("q"))
	if len(q) > maxQuery {
		return nil, badRequest("search.too_long")
	}
	p := &page{name: "search", title: r.words.Text("search.title")}
	if q == "" {
		p.data = &searchPage{}
		return p, nil
	}
	ctx, cancel := r.limited()
	defer cancel()
	f := newFinder(q)
	found := &searchPage{Query: q}
	for _, l := range s.config.Logs {
		if err := f.look(ctx, l, found); err != nil {
			found.Faults = append(found.Faults, err.Error())
		}
	}
	if address := f.only(found); address != "" {
		return r.redirect(address), nil
	}
	for i := range found.Records {
		found.Records[i].Time = found.Records[i].Time.In(r.zone)
	}
	found.Hits = r.hits(f, len(s.config.Logs) > 1)
	p.data = found
	return p, nil
}

// finder looks for a text as each kind of id that it may be.
type finder struct {
	query   string
	seq     uint64 // the text as the number of a record; 0: it is none
	lookups []*lookup
	ends    *lookup // of the text as an end of ids that is shorter than what the index has; nil: it is none
}

var (
	idPart   = regexp.MustCompile(`^[0-9a-f-]+$`)
	planText = regexp.MustCompile(`^[0-9a-f]{16}$`)
)

func newFinder(q string) *finder {
	f := &finder{query: q}
	f.seq, _ = strconv.ParseUint(q, 10, 64)
	f.callLookups(calls.PlainID(q))
	for _, name := range []string{"order", "customer", "coupon", "request-id", "account", "caller", "operation", "credential"} {
		f.add(&lookup{kind: name, filter: filterBy(name, q), address: "/calls?" + url.Values{name: {q}}.Encode()})
	}
	if planText.MatchString(q) {
		f.add(&lookup{kind: "plan", filter: filterBy("plan", q), address: "/access?" + url.Values{"plan": {q}}.Encode()})
	}
	return f
}

func filterBy(name, text string) (f calls.Filter) {
	_ = calls.ParamNamed(name).Set(&f, text) // a ParamText has any value
	return f
}

// all returns the lookups with that of ends.
func (f *finder) all() []*lookup {
	if f.ends == nil {
		return f.lookups
	}
	return append([]*lookup{f.ends}, f.lookups...)
}

func (f *finder) add(l *lookup) { f.lookups = append(f.lookups, l) }

// callLookups adds what finds calls by an id or a part of one. The beginning of an id says when it was made, to the millisecond if there is
// enough of it; the index has the short forms of ids.
func (f *finder) callLookups(part string) {
	if len(part) < calls.MinIDPart || len(part) > calls.IDLength {
		return
	}
	means := func(c *calls.Call) bool { return calls.Means(part, c.ID()) }
	switch {
	case len(part) == calls.IDLength:
		f.add(&lookup{kind: "call", filter: calls.Filter{Call: part}})
		return
	case !idPart.MatchString(part):
		return
	case len(part) >= shortID && !strings.Contains(part[len(part)-shortID:], "-"):
		f.add(&lookup{kind: "call", filter: calls.Filter{Call: part[len(part)-shortID:]}, means: means})
	case len(part) < shortID:
		f.ends = &lookup{kind: "call", means: func(c *calls.Call) bool { return strings.HasSuffix(c.ID(), part) }}
	}
	if since, until, ok := madeWithin(part); ok {
		f.add(&lookup{kind: "call", filter: calls.Filter{Since: since, Until: until}, means: means})
	}
}

// madeWithin returns when calls begin whose ids, of UUID version 7 (RFC 9562), begin with a text: these begin with the milliseconds since 1970.
func madeWithin(part string) (since, until time.Time, ok bool) {
	digits := strings.ReplaceAll(part, "-", "")
	digits = digits[:min(len(digits), shortID)]
	first, err := strconv.ParseInt((digits + strings.Repeat("0", shortID))[:shortID], 16, 64)
	last, other := strconv.ParseInt((digits + strings.Repeat("f", shortID))[:shortID], 16, 64)
	if err != nil || other != nil || len(digits) < calls.MinIDPart {
		return since, until, false
	}
	return time.UnixMilli(first), time.UnixMilli(last).Add(callWait), true
}

// look looks for the text in one log.
func (f *finder) look(ctx context.Context, l *evidence.Log, found *searchPage) error {
	err := f.calls(ctx, l)
	if err == nil && f.seq > 0 {
		err = found.record(ctx, l, f.seq)
	}
	if err == nil && l.Index != nil && f.ends != nil && len(f.found()) == 0 {
		err = f.newest(ctx, l, found)
	}
	if err != nil && ctx.Err() == context.DeadlineExceeded {
		found.Late = true
		return nil
	}
	return err
}

// calls asks the index each question, or reads a log without one once for all of them.
func (f *finder) calls(ctx context.Context, l *evidence.Log) error {
	if l.Index == nil {
		return l.Source().Calls(ctx, &calls.Filter{}, func(c *calls.Call) error {
			for _, one := range f.all() {
				one.take(l, c)
			}
			return nil
		})
	}
	for _, one := range f.lookups {
		if err := one.ask(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// take adds a call that has the text.
func (k *lookup) take(l *evidence.Log, c *calls.Call) {
	if len(k.found) <= maxFound && k.filter.Match(c) && (k.means == nil || k.means(c)) {
		k.found = append(k.found, calls.Placed{Call: c, Log: l.Name})
	}
}

func (k *lookup) ask(ctx context.Context, l *evidence.Log) error {
	if k.means != nil {
		return l.Source().Calls(ctx, &k.filter, func(c *calls.Call) error {
			k.take(l, c)
			return nil
		})
	}
	page, _, err := l.Pager().Page(ctx, &k.filter, calls.Cursor{}, maxFound+1-len(k.found))
	k.found = append(k.found, page...)
	return err
}

// newest looks for the end of an id among the newest calls, as far as time allows: the index does not have it.
func (f *finder) newest(ctx context.Context, l *evidence.Log, found *searchPage) error {
	const n = 500
	for cursor := (calls.Cursor{}); ; {
		page, next, err := l.Pager().Page(ctx, &calls.Filter{}, cursor, n)
		for _, p := range page {
			f.ends.take(l, p.Call)
		}
		found.Newest += len(page)
		if err != nil && ctx.Err() != nil {
			found.Parts = true
		}
		if err != nil || len(page) < n {
			return err
		}
		cursor = next
	}
}

// record adds the record with a number, if the log has it.
func (p *searchPage) record(ctx context.Context, l *evidence.Log, seq uint64) error {
	r, err := l.Record(ctx, seq)
	if err != nil || r == nil {
		return err
	}
	found := recordHit{Log: l.Name, Kind: string(r.Kind), Event: string(r.Event), Time: r.Time}
	if r.Call != "" {
		found.Address = callAddress(l.Name, r.Call)
	}
	p.Records = append(p.Records, found)
	return nil
}

// found returns the calls that were found, each once.
func (f *finder) found() (all []calls.Placed) {
	for _, one := range f.all() {
		for _, p := range one.found {
			if !slices.ContainsFunc(all, func(other calls.Placed) bool { return other.Log == p.Log && other.Seq() == p.Seq() }) {
				all = append(all, p)
			}
		}
	}
	return all
}

// only returns the address of the one thing that was found, if all was looked for, or if the text is a whole id.
func (f *finder) only(p *searchPage) string {
	all := f.found()
	whole := !p.Late && !p.Parts && len(p.Faults) == 0
	switch {
	case len(all) == 1 && len(p.Records) == 0 && (whole || all[0].ID() == calls.PlainID(f.query)):
		return callAddress(all[0].Log, all[0].ID())
	case len(all) == 0 && len(p.Records) == 1 && whole:
		return p.Records[0].Address
	case len(all) > 0 && len(p.Records) == 0 && whole:
		return f.plan(len(all))
	}
	return ""
}

// plan returns the address of a plan, if calls were found by nothing else.
func (f *finder) plan(all int) string {
	for _, one := range f.lookups {
		if one.kind == "plan" && len(one.found) == all {
			return one.address
		}
	}
	return ""
}

// someRows is how many calls of a kind are shown beside the link to all of them.
const someRows = 5

func (r *request) hits(f *finder, several bool) (hits []hit) {
	for _, one := range f.all() {
		if len(one.found) == 0 {
			continue
		}
		h := hit{Kind: one.kind, Count: min(len(one.found), maxFound), More: len(one.found) > maxFound, Address: one.address}
		some, caption := one.found, ""
		if len(some) > someRows {
			some, caption = some[:someRows], r.words.Text("search.some", "Count", someRows)
		}
		h.Table = newCallTable(caption, some, r.zone, several)
		hits = append(hits, h)
	}
	return hits
}
