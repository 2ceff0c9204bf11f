package review

import (
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/catalog"
	"tollgate/internal/text"
)

// panel is a box of facts.
type panel struct {
	Title string
	Facts []fact
	Empty string // instead of facts
}

// fact is one line of a box.
type fact struct {
	Name  string
	Value string // a text of a record
	Word  string // our own word, instead of a value
	Words said   // a sentence with values
	Time  time.Time
	Href  string // an address of our own that the value leads to
	More  string // what the value means
	Code  bool   // the value is a machine's: ids, hashes
}

// maxFact is how many bytes of a text of a record a box shows. The records have all of it.
const maxFact = 400

// box collects facts.
type box struct {
	v     *callView
	panel panel
}

func (v *callView) box(title string) *box { return &box{v, panel{Title: v.words.Text(title)}} }

// add adds a fact, unless it is empty.
func (b *box) add(name string, f fact) {
	if f.Value == "" && f.Word == "" && f.Words == nil && f.Time.IsZero() {
		return
	}
	f.Name, f.Value = b.v.words.Text(name), text.Truncate(f.Value, maxFact, "…")
	b.panel.Facts = append(b.panel.Facts, f)
}

func (b *box) value(name, value string) { b.add(name, fact{Value: value}) }
func (b *box) code(name, value string)  { b.add(name, fact{Value: value, Code: true}) }
func (b *box) word(name, id string)     { b.add(name, fact{Word: b.v.words.Text(id)}) }

// maxLinked is how long a value may be that leads to a page.
const maxLinked = 256

// link adds a value that leads to a page.
func (b *box) link(name, value, address string) {
	f := fact{Value: value, Code: true}
	if len(value) <= maxLinked {
		f.Href = address
	}
	b.add(name, f)
}

// callLink adds the id of another call of the same log.
func (b *box) callLink(name, id string) {
	b.link(name, id, callAddress(b.v.log.Name, id))
}

// callsLink is the address of the calls that have a value.
func callsLink(parameter, value string) string {
	return "/calls?" + url.Values{parameter: {value}}.Encode()
}

// panels are the boxes about the call, but for TLS.
func (v *callView) panels() []panel {
	return []panel{v.whoPanel(), v.keyPanel(), v.decisionPanel(), v.endPanel()}
}

// whoPanel says who proved how to be the caller, and what was asked.
func (v *callView) whoPanel() panel {
	b, r := v.box("call.who"), v.first()
	switch {
	case v.For() != "":
		b.word("call.caller", "call.gateway")
		b.callLink("call.for", v.For())
	case v.Caller() != "":
		b.link("call.caller", v.Caller(), callsLink("caller", v.Caller()))
	case v.Claimed() != "":
		b.add("call.claimed", fact{Value: v.Claimed(), More: v.words.Text("call.claimed_more")})
	default:
		b.word("call.caller", "call.unidentified")
	}
	v.provenBy(b, r)
	source := r.Source
	if r.SourcePort != 0 && source != "" {
		source = net.JoinHostPort(source, strconv.Itoa(int(r.SourcePort)))
	}
	b.code("call.source", source)
	b.value("call.listener", r.Listener)
	v.operation(b)
	b.code("call.request", strings.TrimSpace(r.Method+" "+r.Path))
	b.code("call.query", r.Query)
	if n := len(r.QueryWithheld); n > 0 {
		b.add("call.withheld", fact{Word: v.words.Text("call.pairs", "Count", n)})
	}
	if r.BodyBytes > 0 {
		b.add("call.body", fact{Word: v.words.Text("call.bytes", "Count", r.BodyBytes, "Bytes", grouped(r.BodyBytes))})
	}
	return b.panel
}

func (v *callView) provenBy(b *box, r *logfile.Record) {
	switch by := r.IdentifiedBy; by {
	case "listener", "certificate", "access_key":
		b.add("call.proven", fact{Words: v.words.Said("call.by_"+by, "Identity", text.Truncate(r.Identity, maxFact, "…"))})
	default:
		b.value("call.proven", strings.TrimSpace(by+" "+r.Identity))
	}
}

func (v *callView) operation(b *box) {
	if v.Operation() == "" {
		b.word("call.operation", "call.no_operation")
		return
	}
	b.link("call.operation", v.Operation(), callsLink("operation", v.Operation()))
	switch effect := v.Effect(); effect {
	case "read", "write", "spend":
		b.word("call.effect", "call.effect_"+effect)
	default:
		b.value("call.effect", effect)
	}
	if v.Deprecated() {
		b.word("call.deprecated", "call.deprecated_then")
	}
}

// keyPanel says with which key the call went out, for which account and customers.
func (v *callView) keyPanel() panel {
	b, r := v.box("call.key"), v.first()
	b.link("call.credential", v.Credential(), callsLink("credential", v.Credential()))
	b.value("call.class", v.Class())
	key := r.AccessKey
	if key == "" && v.Outcome != nil {
		key = v.Outcome.AccessKey
	}
	b.code("call.access_key", key)
	name := "call.account"
	if v.MovesMoney() {
		name = "call.account_pays"
	}
	b.link(name, v.Account(), callsLink("account", v.Account()))
	for _, kind := range []struct {
		name, parameter string
		field           catalog.FieldKind
	}{{"call.customer", "customer", catalog.FieldCustomer}, {"call.order", "order", catalog.FieldOrder}, {"call.coupon", "coupon", catalog.FieldCoupon}} {
		v.ids(b, kind.name, kind.parameter, kind.field)
	}
	b.value("call.upstream", v.upstream())
	switch site := v.Site(); site {
	case "cn", "intl":
		b.word("call.site", "call.site_"+site)
	default:
		b.value("call.site", site)
	}
	if v.Credential() == "" {
		b.panel.Empty = v.words.Text("call.no_key")
	}
	return b.panel
}

// someIDs is how many ids of a kind a box shows.
const someIDs = 5

func (v *callView) ids(b *box, name, parameter string, kind catalog.FieldKind) {
	ids := v.Fields(kind)
	for _, id := range ids[:min(len(ids), someIDs)] {
		b.link(name, id, callsLink(parameter, id))
	}
	if more := len(ids) - someIDs; more > 0 {
		b.add(name, fact{Word: v.words.Text("call.more", "Count", more)})
	}
}

func (v *callView) upstream() string {
	if v.Outcome != nil && v.Outcome.Upstream != "" {
		return v.Outcome.Upstream
	}
	return v.first().Upstream
}

// endPanel says how the call ended.
func (v *callView) endPanel() panel {
	b := v.box("call.end")
	row := v.Row(v.zone)
	switch {
	case v.Intent != nil:
		b.add("call.intended", fact{Time: row.Time})
	case v.Refusal != nil:
		b.add("call.refused_at", fact{Time: row.Time})
	}
	if v.Outcome != nil {
		b.add("call.ended", fact{Time: row.Ended})
	}
	b.add("call.outcome", fact{Word: v.words.Text("call.outcome_" + stateWord(row.Outcome))})
	if r := v.Outcome; r != nil {
		v.answer(b, r)
	}
	v.settled(b, row)
	return b.panel
}

// stateWord returns a state of which there are messages.
func stateWord(state string) string {
	switch state {
	case logfile.Succeeded, logfile.Failed, logfile.Partial, logfile.NotSent, logfile.Unknown, calls.Refused, calls.Open:
		return state
	}
	return "other"
}

func (v *callView) answer(b *box, r *logfile.Record) {
	if r.Status != 0 {
		b.code("call.status", strconv.Itoa(r.Status))
	}
	if r.RequestID != "" {
		b.link("call.request_id", r.RequestID, callsLink("request-id", r.RequestID))
	}
	b.code("call.error_code", r.ErrorCode)
	b.value("call.error_message", r.ErrorMessage)
	switch r.ResultFrom {
	case "body", "status":
		b.word("call.result_from", "call.result_"+r.ResultFrom)
	}
	v.reason(b, r)
	if r.AnswerBytes > 0 {
		b.add("call.answer", fact{Word: v.words.Text("call.bytes", "Count", r.AnswerBytes, "Bytes", grouped(r.AnswerBytes))})
	}
}

// reason adds why a call was refused, was not sent, or has no outcome that is known, and what the code means.
func (v *callView) reason(b *box, r *logfile.Record) {
	if r.Reason != "" {
		b.add("call.reason", fact{Value: r.Reason, Code: true, More: v.meaning("reason." + r.Reason)})
	}
	b.value("call.detail", r.Detail)
	if r.Stage != "" {
		b.add("call.stage", fact{Value: r.Stage, Code: true, More: v.meaning("stage." + r.Stage)})
	}
	if r.TLSFailure != "" {
		b.add("call.tls_failure", fact{Value: r.TLSFailure, Code: true, More: v.meaning("tls_failure." + r.TLSFailure)})
	}
}

// meaning returns a message, and nothing where there is none: codes of later versions are shown as they are.
func (r *request) meaning(id string) string {
	if !r.words.Has(id) {
		return ""
	}
	return r.words.Text(id)
}

func (v *callView) settled(b *box, row *calls.Row) {
	if row.Settled == nil {
		return
	}
	b.add("call.settled", fact{Time: row.Settled.Time})
	if row.Settled.By == "gateway" {
		b.word("call.settled_by", "call.gateway")
	} else {
		b.value("call.settled_by", row.Settled.By)
	}
	b.value("call.settled_reason", row.Settled.Reason)
	b.callLink("call.settled_from", row.Settled.From)
}
