package reviewtest

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"tollgate/audit/logfile"
	"tollgate/catalog"
)

const macKey = "79f03e4f2e4da224"

// request is a call that an application makes, and how it ends.
type request struct {
	app        *application // nil: the gateway itself
	credential string
	operation  string
	path       string // left out: the operation's
	query      string
	fields     []logfile.Field
	body       int64

	keys     []string // of its act, as the operation has it
	price    int64    // in cents; 0: none
	from     string   // where it is known from
	currency string   // left out: that of the credential
	repeats  string

	waited time.Duration // for the limit payments
	shadow bool          // that one would have refused it
	of     string        // the call for which the gateway makes it
	as     string        // name in Made.Calls
	end    ending
}

// ending is how a call ends. The zero value: it succeeds.
type ending struct {
	outcome, code, message         string
	stage, reason, detail, failure string
	status                         int
	fields                         []logfile.Field
	released                       []int
	took                           time.Duration
	never                          bool // it is under way at the end of the log
	crash                          bool // the gateway ends before it does
	settle                         func(call string)
}

// call makes a call now, and returns its id. Of one whose price is read from elsewhere, the gateway's read comes first.
func (w *writer) call(q request) string {
	id := w.id()
	w.named(q.as, id)
	w.made.Calling++
	if q.from != "order" && q.from != "renewal" {
		started := w.now
		w.after(q.waited, func() { w.intend(id, started, &q, "") })
		return id
	}
	read := request{credential: q.credential, of: id, operation: "ShowCustomerOrderDetails", path: "/v2/orders/customer-orders/details/" + q.keys[0]}
	read.fields = []logfile.Field{field("order_id", "order", q.keys[0])}
	read.end.fields = []logfile.Field{
		field("order_info.order_id", "order", q.keys[0]), field("order_info.amount_after_discount", "amount", decimal(q.price)),
		field("order_info.currency", "currency", w.currency(&q)), field("order_info.status", "other", "6"),
	}
	if q.from == "renewal" {
		read.operation, read.path, read.body, read.fields = "ListRenewRateOnPeriod", "", 96, []logfile.Field{field("resource_ids[]", "resource", q.keys...)}
		read.end.fields = []logfile.Field{field("optional_discount_rating_results[].amount", "amount", decimal(q.price)), field("currency", "currency", w.currency(&q))}
	}
	if q.as == Paid {
		read.as = PricedBy
	}
	started := w.now
	read.end.took = time.Duration(40+w.rng.IntN(60)) * time.Millisecond
	w.after(900*time.Microsecond, func() {
		from := w.call(read)
		w.after(read.end.took+time.Millisecond+q.waited, func() { w.intend(id, started, &q, from) })
	})
	return id
}

// named notes a call worth a look.
func (w *writer) named(as, id string) {
	if as != "" {
		w.made.Calls[as] = id
	}
}

// currency is what amounts of a call are in.
func (w *writer) currency(q *request) string {
	if q.currency != "" {
		return q.currency
	}
	return credentials[q.credential].currency
}

// intend writes the intent of a call that has come so far, or the refusal by a cap.
func (w *writer) intend(id string, started time.Time, q *request, priced string) {
	r := w.record(id, q)
	w.describe(r, q)
	w.charge(r, q, priced)
	if full := w.full(r); len(full) > 0 {
		w.refuseFull(r, q, started, full)
		return
	}
	r.Kind, r.Decision = logfile.KindIntent, logfile.Allowed
	if q.app != nil && q.app.by == "access_key" {
		r.SignatureHash, r.SignatureDate = w.hash(64), w.now.UTC().Truncate(time.Second)
	}
	if r.Spending != nil {
		for _, c := range r.Caps {
			w.spent[chargedBy(c)] += cents(c.Amount)
		}
	}
	w.add(r)
	w.open = append(w.open, r)
	if q.repeats != "" {
		w.event(logfile.EventRepeated, "", q.repeats, "a caller repeats the call on purpose", "call", id, "allowed_by", "uid 0")
	}
	if q.end.never || q.end.crash {
		w.named(q.as, id)
		return
	}
	if q.end.took == 0 {
		q.end.took = w.duration(r.Effect)
	}
	w.after(q.end.took, func() { w.end(r, q, started) })
}

// record returns what all records of a call have in common.
func (w *writer) record(id string, q *request) *logfile.Record {
	c := credentials[q.credential]
	op := operation(c.site, q.operation)
	r := &logfile.Record{
		Call: id, Plan: w.plan, Upstream: c.upstream, Site: c.site, Operation: op.Name, Effect: op.Effect.String(), Deprecated: op.Deprecated, Method: op.Method,
		Credential: c.name, Class: c.class, AccessKey: w.keys[c.name], Account: c.account,
	}
	if q.of != "" {
		r.Spending = &logfile.Spending{For: q.of}
	}
	if a := q.app; a != nil {
		r.Listener, r.Caller, r.IdentifiedBy, r.Identity = a.listener, a.name, a.by, a.identity
		r.Source, r.SourcePort = a.sources[w.rng.IntN(len(a.sources))], uint16(32768+w.rng.IntN(28000))
	}
	return r
}

func operation(site, name string) *catalog.Operation {
	op := catalog.Find(site, name)
	if op == nil {
		panic("no operation " + name + " of the site " + site)
	}
	return op
}

// describe adds what was asked.
func (w *writer) describe(r *logfile.Record, q *request) {
	r.Path, r.Query, r.Fields = q.path, q.query, q.fields
	if r.Path == "" {
		r.Path = strings.ReplaceAll(operation(r.Site, r.Operation).Path, "{domain_id}", r.Account)
	}
	r.BodyBytes, r.WaitedMicros = q.body, q.waited.Microseconds()
	r.BodyHash = w.hash(64)
	r.TLSIn = w.tlsIn(q.app, r)
}

// tlsIn returns the evidence of a connection, and all of it where the connection is new.
func (w *writer) tlsIn(a *application, r *logfile.Record) *logfile.TLS {
	if a == nil || len(a.tls) == 0 {
		return nil
	}
	t := a.tls[0]
	if w.rng.IntN(10) < 3 {
		t = a.tls[len(a.tls)-1]
	}
	connection := fmt.Sprint(a.name, t.Suite, r.Source, w.now.Unix()/(3*60*60))
	r.SourcePort = 32768 + uint16(sha256.Sum256([]byte(connection))[0])*100
	if w.known[connection] {
		t.Offer, t.PeerNotAfter = nil, time.Time{}
	}
	w.known[connection] = true
	t.Resumed = sha256.Sum256([]byte(connection))[1]%3 == 0
	return &t
}

// end writes the outcome of an intent.
func (w *writer) end(intent *logfile.Record, q *request, started time.Time) {
	i := slices.Index(w.open, intent)
	if i < 0 {
		return // a start has closed it
	}
	w.open = slices.Delete(w.open, i, i+1)
	e := &q.end
	r := w.record(intent.Call, q)
	r.Kind, r.Source, r.SourcePort, r.AccessKey, r.Plan = logfile.KindOutcome, intent.Source, intent.SourcePort, intent.AccessKey, intent.Plan
	r.Outcome, r.Stage, r.Reason, r.Detail, r.TLSFailure = e.outcome, e.stage, e.reason, e.detail, e.failure
	if r.Outcome == "" {
		r.Outcome = logfile.Succeeded
	}
	if e.stage == "" {
		w.answer(r, e)
	}
	w.times(r, q, started, intent.Time)
	if len(e.released) > 0 {
		r.Spending = &logfile.Spending{Released: e.released}
	}
	w.add(r)
	w.settle(intent, r)
	if e.settle != nil {
		e.settle(intent.Call)
	}
}

// answer adds what came back.
func (w *writer) answer(r *logfile.Record, e *ending) {
	r.Status, r.Result, r.ResultFrom = 200, "success", "status"
	if e.status != 0 {
		r.Status = e.status
	}
	if r.Outcome != logfile.Succeeded {
		r.Result, r.ResultFrom = map[string]string{logfile.Failed: "failure", logfile.Partial: "partial"}[r.Outcome], "body"
	}
	r.RequestID, r.ErrorCode, r.ErrorMessage, r.Fields = w.hash(32), e.code, e.message, e.fields
	r.AnswerHash, r.AnswerBytes = w.hash(64), int64(90+w.rng.IntN(9000))
}

// times adds how long it took, and the connection to the provider.
func (w *writer) times(r *logfile.Record, q *request, started, intended time.Time) {
	r.TotalMicros = w.now.Sub(started).Microseconds() + 300
	if w.timed {
		r.Steps = w.steps(r, intended.Sub(started).Microseconds())
	}
	if r.Stage == logfile.StageConnect || r.Stage == logfile.StageSign {
		return
	}
	r.UpstreamMicros = q.end.took.Microseconds() - 200
	t := upstreamTLS[r.Upstream]
	if t.Resumed = w.rng.IntN(4) > 0; t.Resumed {
		t.PeerNotAfter = time.Time{}
	}
	r.TLSOut = &t
	if q.shadow || q.waited > 0 {
		r.Limited = &logfile.Limited{}
	}
	if q.shadow {
		r.WouldRefuse = []string{"payments"}
	}
	if q.waited > 0 {
		r.Limit = "payments"
	}
}

// steps are those of an outcome, of a call that was within its limits so many microseconds after it came.
func (w *writer) steps(r *logfile.Record, limited int64) *logfile.Steps {
	some := func(n int64) int64 { return 1 + n/2 + w.rng.Int64N(n) }
	s := &logfile.Steps{Decided: some(60)}
	s.Limited = limited + s.Decided + some(20)
	s.Durable = s.Limited + some(260)
	if r.Stage == logfile.StageConnect || r.Stage == logfile.StageSign {
		return s
	}
	if s.Sent = s.Durable + some(50); w.rng.IntN(12) == 0 { // over a new connection
		s.Sent += some(9_000)
	}
	if r.Stage == "" {
		s.Answered = r.TotalMicros
		s.FirstByte = max(s.Answered-some(180), s.Sent)
	}
	return s
}

// duration is how long the provider takes.
func (w *writer) duration(effect string) time.Duration {
	least := map[string]int{"read": 35, "write": 60, "spend": 120}[effect]
	d := least + w.rng.IntN(least) + w.rng.IntN(20)*w.rng.IntN(20)
	if w.rng.IntN(60) == 0 {
		d += 900 + w.rng.IntN(2500)
	}
	return time.Duration(d)*time.Millisecond + time.Duration(w.rng.IntN(1000))*time.Microsecond
}

func field(name, kind string, values ...string) logfile.Field {
	return logfile.Field{Name: name, Kind: kind, Values: values}
}

// mac is what stands for a key of an act.
func mac(key string) string {
	sum := sha256.Sum256([]byte("key of an act: " + key))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
