package bss

import (
	"slices"
	"strings"
	"sync"

	"tollgate/catalog"
)

// The business results.
const (
	Success = "success"
	Failure = "failure"
	Partial = "partial" // accepted, but items in it failed
	Unread  = "unread"  // the status says success, and the body that should confirm it cannot be read
)

// What a result was judged by.
const (
	FromBody   = "body"
	FromStatus = "status"
)

// codeSuccess is the error_code of a success, in v1 answers.
const codeSuccess = "CBC.0000"

// Outcome is the business result of a call that was answered.
type Outcome struct {
	Result    string  // Success, Failure, Partial or Unread
	From      string  // FromBody or FromStatus
	ErrorCode string  // "CBC.99005003", "APIG.0308"; at most 64 of A-Z a-z 0-9 - _ . ; empty if there is none to rely on
	Message   string  // error_msg of a failure, one line of at most 256 bytes; empty for sensitive operations, which it might quote
	RequestID string  // request_id of the body, as the provider's gateway sets it; at most 128 of A-Z a-z 0-9 - _ .
	Fields    []Value // in the catalog's order, only those that occur

	// Failed are the items of a call that spends of which the answer says that they failed, by their ids in lower case. There are none where
	// it does not say so unambiguously.
	Failed []string

	// Foreign is the member by which the answer shows that it belongs to another request (see [catalog.Repeat]), as the catalog
	// spells it; empty if there is none. Where it is set, nothing else here is about this call.
	Foreign string
}

// ReadAnswer reads a whole answer. asked are the fields of the request, as [ReadRequest] returned them. It judges answers of
// endpoints that an operator declared for an unsigned upstream by their status only, by which redirects are successes too, and so
// it does with answers whose body says no more ([saysMore]). It never fails.
func ReadAnswer(op *catalog.Operation, asked []Value, status int, contentType string, body []byte) Outcome {
	byStatus := Outcome{Result: Failure, From: FromStatus}
	if status >= 200 && status <= 299 {
		byStatus.Result = Success
	}
	if op.Site == "" && op.Class == catalog.ClassNone {
		if status >= 300 && status <= 399 { // such as the 304 of a cache that is still good
			byStatus.Result = Success
		}
		return byStatus
	}
	if !saysMore(op, status) {
		return byStatus
	}
	if len(body) == 0 {
		if byStatus.Result == Success && status != 204 && op.CodeAlways {
			byStatus.Result = Unread
		}
		return byStatus
	}
	r := newAnswerReader(op, asked)
	defer r.release()
	if !jsonType(contentType) || !r.read(body) {
		if byStatus.Result == Success {
			byStatus.Result = Unread
		}
		byStatus.Foreign = r.foreign
		return byStatus
	}
	return r.outcome(byStatus)
}

// saysMore reports whether the body of an answer may say more than its status, or holds something for the record. That of a read below
// 400 says nothing where the provider has no place for it: the present API puts error_code into failures only.
func saysMore(op *catalog.Operation, status int) bool {
	return op.Effect != catalog.Read || status >= 400 || op.CodeAlways || op.ItemList || len(op.Answer) > 0
}

// answerReader is the visitor of an answer's body. It tolerates what requests must not have, but does not guess what an
// ambiguous error_code means.
type answerReader struct {
	op     *catalog.Operation
	asked  []Value
	walker walker
	arena  arena
	found  findings

	isObject                 bool
	codes                    int // how often error_code occurs, in whatever case
	code, message, requestID string
	itemFailed               bool // an item of a batch
	items                    items
	lists                    uint // bits by index of itemLists: found in the answer
	odd                      bool // a member that decides has an undocumented JSON type or spelling
	foreign                  string
}

// answerReaders are used again, emptied: nothing of a body stays in them.
var answerReaders = sync.Pool{New: func() any { return new(answerReader) }}

func newAnswerReader(op *catalog.Operation, asked []Value) *answerReader {
	r := answerReaders.Get().(*answerReader)
	r.op, r.asked = op, asked
	return r
}

func (r *answerReader) release() {
	*r = answerReader{}
	answerReaders.Put(r)
}

// read reports whether the body could be read unambiguously.
func (r *answerReader) read(body []byte) bool {
	r.walker.visitor = r
	err := r.walker.walk(body)
	return err == nil && r.isObject && r.codes <= 1 && !r.odd
}

func (r *answerReader) outcome(byStatus Outcome) Outcome {
	o := Outcome{Result: byStatus.Result, From: FromBody, RequestID: identifier(r.requestID, 128), Foreign: r.foreign}
	failed := r.code != "" && r.code != codeSuccess
	switch {
	case failed:
		o.Result = Failure
		o.ErrorCode = identifier(r.code, 64)
	case byStatus.Result == Failure:
		o.From = FromStatus
	case r.code == "" && r.op.CodeAlways:
		o.Result, o.From = Unread, FromStatus
	case r.itemFailed:
		o.Result = Partial
	}
	if o.Result == Failure && !r.op.Sensitive {
		o.Message = truncate(r.message, 256)
	}
	o.Fields, o.Failed = r.found.values(!r.op.Sensitive), r.failedItems()
	return o
}

// member implements visitor.
func (r *answerReader) member(name []byte, top bool) error {
	if top && equalFold(name, "error_code") {
		r.codes++
		r.odd = r.odd || string(name) != "error_code"
	}
	if r.op.Effect == catalog.Spend {
		r.checkItemName(top)
	}
	return nil
}

// value implements visitor.
func (r *answerReader) value(kind kind, raw []byte) error {
	if r.op.Effect == catalog.Spend {
		r.readItem(kind, raw)
	}
	switch path := r.walker.path; string(path) {
	case "":
		r.isObject = kind == '{'
	case "error_code":
		r.code = r.scalar(kind, raw)
	case "error_msg":
		r.message = r.lenient(kind, raw)
	case "request_id":
		r.requestID = r.lenient(kind, raw)
	case "error_details", "fail_resource_infos", "to_ondemand_service_results":
		r.odd = r.odd || kind != '[' && kind != 'n'
	case "error_details[]", "fail_resource_infos[]":
		r.itemFailed = true
	case "error_details[].error_code", "fail_resource_infos[].error_code":
		code := r.lenient(kind, raw)
		r.items.judge(code, code != codeSuccess)
	case "to_ondemand_service_results[].error_code":
		code := r.scalar(kind, raw)
		r.judgeItem(code, code != codeSuccess)
	case "to_ondemand_service_results[].result":
		result := r.scalar(kind, raw)
		// Documented: SUCCESS, AUDIT (waits for a review, so it has not failed) and FAIL.
		r.judgeItem(result, !strings.EqualFold(result, "SUCCESS") && !strings.EqualFold(result, "AUDIT"))
	}
	r.compare(kind, raw)
	r.record(kind, raw)
	return nil
}

// judgeItem takes up what a member of an item says of it; the empty text says nothing.
func (r *answerReader) judgeItem(said string, failed bool) {
	r.itemFailed = r.itemFailed || said != "" && failed
	r.items.judge(said, failed)
}

// compare finds a member of any type that should repeat one of the request and does not; null and the empty string name
// nothing. A name that differs in case only is the same name to some readers.
func (r *answerReader) compare(kind kind, raw []byte) {
	if len(r.op.Repeats) == 0 || kind == 'n' || string(raw) == `""` {
		return
	}
	member, same := "", false
	for i := range r.op.Repeats {
		if repeat := &r.op.Repeats[i]; equalFold(r.walker.path, repeat.Answer) {
			member = repeat.Answer
			same = same || raw != nil && r.wasAsked(repeat.Request, r.walker.content(kind, raw))
		}
	}
	if member != "" && !same {
		r.foreign = member
	}
}

// wasAsked reports whether a field of the request has a value. Those of calls that spend are recorded whole, or not sent.
func (r *answerReader) wasAsked(name string, value []byte) bool {
	for i := range r.asked {
		if r.asked[i].Name == name {
			return slices.ContainsFunc(r.asked[i].Values, func(asked string) bool { return asked == string(value) })
		}
	}
	return false
}

// scalar reads a member that decides about the result: "" for null; an object or array there is odd.
func (r *answerReader) scalar(kind kind, raw []byte) string {
	r.odd = r.odd || raw == nil
	return r.lenient(kind, raw)
}

// lenient returns the text of a scalar, "" for anything else.
func (r *answerReader) lenient(kind kind, raw []byte) string {
	if raw == nil || kind == 'n' {
		return ""
	}
	return r.arena.string(r.walker.content(kind, raw))
}

func (r *answerReader) record(kind kind, raw []byte) {
	if raw == nil || kind == 'n' {
		return
	}
	for i := range r.op.Answer {
		if field := &r.op.Answer[i]; string(r.walker.path) == field.Name {
			r.recordField(i, field, r.walker.content(kind, raw))
		}
	}
}

func (r *answerReader) recordField(i int, field *catalog.Field, content []byte) {
	f := r.found.of(i)
	if f == nil {
		f = r.found.begin(i, inBody, field)
	}
	f.addContent(content, &r.arena)
}

// OneReading reports whether all readers take a body for the same JSON value: no two members of an object are equal or differ in case only.
func OneReading(body []byte) bool {
	w := walker{visitor: nothing{}, unique: true}
	return w.walk(body) == nil
}

// nothing is a visitor that ignores what a body says.
type nothing struct{}

func (nothing) member([]byte, bool) error { return nil }
func (nothing) value(kind, []byte) error  { return nil }
