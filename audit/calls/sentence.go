package calls

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"tollgate/audit/logfile"
	"tollgate/internal/text"
)

// writer writes what records say as sentences. A method writes none where the records say nothing.
type writer struct {
	zone       *time.Location
	paragraphs [][]string
	open       []string // the paragraph that is being written
}

// say adds a sentence, unless it is empty. Arguments that come from peers are quoted by the caller.
func (w *writer) say(format string, args ...any) {
	if sentence := fmt.Sprintf(format, args...); sentence != "" {
		w.open = append(w.open, text.Printable(sentence, '\uFFFD'))
	}
}

// end ends the paragraph.
func (w *writer) end() {
	if len(w.open) > 0 {
		w.paragraphs, w.open = append(w.paragraphs, w.open), nil
	}
}

// maxQuoted is how many bytes of a text of a peer a sentence has.
const maxQuoted = 300

// quoted returns a text of a peer so that it cannot be taken for words of the sentence.
func quoted(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~/:@%+=&[]", r)
	}
	s = text.Truncate(s, maxQuoted, "…")
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	if strings.ContainsRune(s, '"') && strconv.CanBackquote(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "`" + s + "`" // reads better than escaped quotes
	}
	return strconv.Quote(s)
}

// Layouts of times, in the writer's zone. All but the first of a call leave out the day, if it is the same.
const (
	sentenceTime  = "2006-01-02 15:04:05.000"
	sentenceClock = "15:04:05.000"
)

func (w *writer) time(t time.Time) string { return t.In(w.zone).Format(sentenceTime) }

// after returns a time that follows another.
func (w *writer) after(first, t time.Time) string {
	if t.In(w.zone).Format(time.DateOnly) == first.In(w.zone).Format(time.DateOnly) {
		return t.In(w.zone).Format(sentenceClock)
	}
	return w.time(t)
}

// spent returns a duration of a record.
func spent(micros int64) string { return (time.Duration(micros) * time.Microsecond).String() }

// call writes of one call.
func (w *writer) call(c *Call) {
	w.who(c)
	w.connection(c.first())
	w.proof(c)
	w.asked(c)
	w.end()
	w.decision(c)
	w.limits(c)
	w.spending(c)
	w.end()
	w.sent(c)
	w.answer(c)
	w.settlement(c)
	w.money(c)
	w.end()
}

// who writes who called what, and when.
func (w *writer) who(c *Call) {
	r := c.first()
	if op := c.Operation(); op != "" {
		w.say("%s called %s%s on %s (%s)%s.", caller(c), op, list(" (", ", ", ")", c.Effect(), c.Site(), when(c.Deprecated(), "deprecated")), w.time(c.Time()), w.zone,
			list(": ", "", "", request(r)))
	} else {
		w.say("%s sent %s on %s (%s), which was matched with no operation.", caller(c), cmp.Or(request(r), "a request"), w.time(c.Time()), w.zone)
	}
	if n := len(r.QueryWithheld); n > 0 {
		w.say("Of its query, %s withheld, since their values may be secret.", text.Are(n, "pair"))
	}
}

// caller returns the subject of the first sentence.
func caller(c *Call) string {
	switch {
	case c.For() != "":
		return "The gateway itself, for the call " + c.For() + ","
	case c.Caller() != "":
		return c.Caller()
	case c.Claimed() != "":
		return "A peer that claimed to be " + c.Claimed()
	}
	return "A caller that was not identified"
}

// request returns the request line.
func request(r *logfile.Record) string {
	if r.Method == "" && r.Path == "" {
		return ""
	}
	target := quoted(r.Path)
	if r.Query != "" {
		target += " with the query " + quoted(r.Query)
	}
	return quoted(r.Method) + " " + target
}

// connection writes where the call came from.
func (w *writer) connection(r *logfile.Record) {
	from := list("It came from ", "", "", r.Source) + list(" to the listener ", "", "", r.Listener)
	if from == "" || r.Source == "" {
		return
	}
	how := "without TLS"
	if r.TLSIn != nil {
		how = "over " + tlsText(r.TLSIn)
	}
	w.say("%s, %s.", from, how)
}

// someDigits is how many digits of a hash a sentence has.
const someDigits = 16

// tlsText describes a connection.
func tlsText(t *logfile.TLS) string {
	described := list("", " ", "", t.Version, list("(", ", ", ")", t.Suite, t.Group))
	if described == "" {
		described = "TLS"
	}
	if t.Resumed {
		described += ", a session resumed"
	}
	if t.Peer != "" || t.PeerFingerprint != "" {
		described += ", with the peer's certificate " + list("", " ", "", quotedIf(t.Peer), list("(SHA-256 ", "", ")", text.Truncate(t.PeerFingerprint, someDigits, "…")))
	}
	return described
}

// proofs are the ways in which a caller is identified, for the proof of a caller.
var proofs = map[string]string{
	"listener":    "The listener takes every call for this caller's: there is no other proof of the caller.",
	"certificate": "The caller was proven by a client certificate, with the name %s.",
	"access_key":  "The caller was proven by a signature with the virtual key %s.",
}

// proof writes how the caller was proven.
func (w *writer) proof(c *Call) {
	r := c.first()
	format, known := proofs[r.IdentifiedBy]
	switch {
	case c.Claimed() != "":
		w.say("No signature proved that: the claim is that of an access key.")
	case known && strings.Contains(format, "%s"):
		w.say(format, quoted(r.Identity))
	case known:
		w.say("%s", format)
	case r.IdentifiedBy != "":
		w.say("The caller was proven by %s %s.", quoted(r.IdentifiedBy), quoted(r.Identity))
	}
}

// asked writes what the request said.
func (w *writer) asked(c *Call) {
	r := c.first()
	if fields := fieldsText(r); fields != "" {
		w.say("The request said: %s.", fields)
	}
	if r.BodyBytes > 0 {
		w.say("Its body had %s.", text.Count(r.BodyBytes, "byte"))
	}
}

const (
	someFields = 20 // how many fields of a record a sentence has
	someValues = 5  // and how many values of each
)

// fieldsText returns the fields of a request or an answer.
func fieldsText(r *logfile.Record) string {
	var texts []string
	for i := range r.Fields {
		if i == someFields {
			texts = append(texts, fmt.Sprintf("and %d fields more", len(r.Fields)-i))
			break
		}
		texts = append(texts, fieldText(&r.Fields[i]))
	}
	return strings.Join(texts, "; ")
}

func fieldText(f *logfile.Field) string {
	values := make([]string, 0, someValues)
	for _, value := range f.Values[:min(len(f.Values), someValues)] {
		values = append(values, quoted(value))
	}
	described := quoted(f.Name) + " " + strings.Join(values, ", ")
	if more := len(f.Values) + f.Omitted - len(values); more > 0 {
		described += fmt.Sprintf(" and %d more", more)
	}
	return described
}

// decision writes whether the call was allowed, by what, and whose credential was to sign it.
func (w *writer) decision(c *Call) {
	if r := c.Refusal; r != nil {
		w.say("It was refused%s%s: %s%s. Nothing was sent.", list(" at the stage ", "", "", r.Stage), list(" with status ", "", "", text.NotZero(r.Status)),
			quoted(r.Reason), list(", ", "", "", quotedIf(r.Detail)))
		w.say("%s", list("The plan was ", "", ".", c.Plan()))
	} else {
		w.say("It was allowed%s.", list(" by the plan ", "", "", c.Plan()))
	}
	if c.Credential() != "" {
		signed := "was to sign it"
		if wasSent(c.Outcome) {
			signed = "signed it"
		}
		w.say("The credential %s %s%s.", c.Credential(), signed, list(" (", ", ", ")", list("class ", "", "", c.Class()), list("access key ", "", "", c.text(accessKey)),
			list("of the account ", "", when(c.MovesMoney(), ", which pays"), c.Account())))
	}
}

func accessKey(r *logfile.Record) string { return r.AccessKey }

// limits writes what limits did to the call.
func (w *writer) limits(c *Call) {
	r := c.last()
	limited := r.Limited
	if limited == nil {
		limited = new(logfile.Limited)
	}
	counted := list(", counted in the ", "", "", limited.LimitFrom)
	switch waited := max(c.first().WaitedMicros, r.WaitedMicros); {
	case c.Refusal != nil && r.Stage == logfile.StageLimit && limited.Limit != "":
		w.say("The limit %s refused it%s.", limited.Limit, counted)
	case waited > 0:
		w.say("It waited %s for %s%s.", spent(waited), cmp.Or(list("the limit ", "", "", limited.Limit), "limits"), counted)
	case limited.Limit != "":
		w.say("It was counted by the limit %s%s.", limited.Limit, counted)
	}
	if len(limited.WouldRefuse) > 0 {
		w.say("Limits in shadow mode would have refused it: %s.", strings.Join(limited.WouldRefuse, ", "))
	}
}

// event writes of an event about the call.
func (w *writer) event(r *logfile.Record) {
	if Settles(r) {
		return // written with the outcome
	}
	var data []string
	for _, name := range []string{"by", "reason", "call", "allowed_by"} {
		if value := r.Data[name]; value != "" {
			data = append(data, name+" "+quoted(value))
		}
	}
	w.say("On %s, event %s: %s%s.", w.time(r.Time), quoted(string(r.Event)), eventText(r), list(" (", "; ", ")", data...))
}

// eventTexts say what events about calls mean.
var eventTexts = map[logfile.EventCode]string{
	logfile.EventUnresolved:    "it is unknown still, and holds what it held",
	logfile.EventRepeated:      "another call repeats it on purpose",
	logfile.EventRepeatAllowed: "an operator lets it be repeated once",
}

func eventText(r *logfile.Record) string {
	if known := eventTexts[r.Event]; known != "" {
		return known
	}
	return quoted(r.Detail)
}

// places writes where the records stand.
func (w *writer) places(records []*logfile.Record) {
	var texts []string
	for _, r := range records {
		texts = append(texts, fmt.Sprintf("%d (%s)", r.Seq, quoted(string(r.Kind))))
	}
	switch len(texts) {
	case 0:
	case 1:
		w.say("Its only record in the log is %s.", texts[0])
	default:
		w.say("Its records in the log are %s.", strings.Join(texts, " and "))
	}
	if slices.ContainsFunc(records, func(r *logfile.Record) bool { return r.Cut }) {
		w.say("Members of them were shortened or left out, since a record has a greatest length.")
	}
}

// list returns the texts that are not empty, with a text between them, one before and one behind; "" if all are empty.
func list(before, between, behind string, texts ...string) string {
	texts = slices.DeleteFunc(texts, func(s string) bool { return s == "" })
	if len(texts) == 0 {
		return ""
	}
	return before + strings.Join(texts, between) + behind
}

// when returns a text if a condition holds.
func when(holds bool, text string) string {
	if holds {
		return text
	}
	return ""
}

// quotedIf returns a text as quoted does, and "" as it is.
func quotedIf(s string) string {
	if s == "" {
		return ""
	}
	return quoted(s)
}
