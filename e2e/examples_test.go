package e2e

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"tollgate/audit/logfile"
)

// example is a call through the SDK, and what must come of it.
type example struct {
	operation string
	about     string // what is special, where an operation has several
	site      string
	by        func(*world, *process) *application
	do        func(*session) (any, error)
	target    string // method, path and query as they must arrive
	account   string // whose keys must have signed
	want      string // the outcome on record, where no other member says it
	code      string // of the provider's refusal, which the SDK throws
}

func (e *example) String() string {
	return strings.TrimSpace(e.site + " " + e.operation + " " + e.about)
}

func (e *example) outcome() string {
	switch {
	case e.want != "":
		return e.want
	case e.code != "":
		return logfile.Failed
	}
	return logfile.Succeeded
}

// judge checks what the application gets.
func (e *example) judge(t testing.TB, answer any, err error) {
	t.Helper()
	if e.code != "" {
		refused(t, err, 400, e.code)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if status := reflect.ValueOf(answer).Elem().FieldByName("HttpStatusCode").Int(); status < 200 || status > 299 {
		t.Errorf("the SDK's answer has status %d", status)
	}
}

// arrivedWell checks what the provider got.
func (e *example) arrivedWell(t testing.TB, a *arrival, body []byte) {
	t.Helper()
	if target := a.method + " " + a.target; target != e.target || a.site != e.site {
		t.Errorf("arrived at %s: %s\nwant  at %s: %s", a.site, target, e.site, e.target)
	}
	if account := a.header.Get("X-Domain-Id"); account != e.account {
		t.Errorf("signed for %q, want %q", account, e.account)
	}
	if !bytes.Equal(a.body, body) {
		t.Errorf("%d bytes arrived that are not the %d bytes sent: %.200q", len(a.body), len(body), a.body)
	}
	if token := a.header.Get("X-Security-Token"); (token != "") != (e.account == "c-18") {
		t.Errorf("the security token is %q", token)
	}
}

// recordedWell checks what the log says.
func (e *example) recordedWell(t testing.TB, h *history) {
	t.Helper()
	if h == nil || h.intent == nil || h.outcome == nil {
		t.Errorf("%s: not on record", e)
		return
	}
	if h.intent.Operation != e.operation || h.intent.Site != e.site || h.outcome.Outcome != e.outcome() {
		t.Errorf("%s: on record as %s of %s, %s; want %s", e, h.intent.Operation, h.intent.Site, h.outcome.Outcome, e.outcome())
	}
}

const (
	hardText  = "a b+/中"
	hardQuery = "a%20b%2B%2F%E4%B8%AD"
	hardPath  = "r1 x@y+~中"
	hardWire  = "r1%20x%40y%2B~%E4%B8%AD"

	json1 = "application/json"
)

// largest is the bound of bodies: the provider's own in a soak, less otherwise, for the race detector is slow with it.
var largest = map[bool]int{true: 12 << 20, false: 1 << 20}[soaking()]

// largeBody is a JSON text of so many bytes.
func largeBody(bytes int) *string {
	const frame = `{"order_id":""}`
	return pointer(frame[:len(frame)-2] + strings.Repeat("中x", (bytes-len(frame))/4) + strings.Repeat("y", (bytes-len(frame))%4) + frame[len(frame)-2:])
}

// examples are in an order in which each can have its effect.
var examples = slices.Concat(shopExamples, bareExamples, officeExamples, tillExamples, intlExamples)

func amount(text string) *decimal.Decimal {
	d := decimal.RequireFromString(text)
	return &d
}

func shopOf(w *world, p *process) *application   { return w.shop(p) }
func officeOf(w *world, p *process) *application { return w.office(p) }
func tillOf(w *world, p *process) *application   { return w.till(p) }

// distributorOf is the office as the account of its other credential: an SDK sends and signs the account that it is configured with.
func distributorOf(w *world, p *process) *application {
	office := w.office(p)
	office.domainID = "p-9"
	return office
}
