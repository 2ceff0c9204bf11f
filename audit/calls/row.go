package calls

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"tollgate/catalog"
	"tollgate/internal/text"
)

// Row is a call as audit list prints it, merged from its records. docs/audit-format.md describes the members that have no comment.
type Row struct {
	Seq    uint64    `json:"seq"`               // of the first record
	EndSeq uint64    `json:"end_seq,omitempty"` // of the outcome or refusal
	Call   string    `json:"call"`
	Time   time.Time `json:"time"`           // of the first record, in the zone asked for
	Ended  time.Time `json:"ended,omitzero"` // of the outcome or refusal

	Caller        string `json:"caller,omitempty"`
	ClaimedCaller string `json:"claimed_caller,omitempty"`
	Source        string `json:"source,omitempty"`
	Site          string `json:"site,omitempty"`
	Operation     string `json:"operation,omitempty"`
	Effect        string `json:"effect,omitempty"`
	Deprecated    bool   `json:"deprecated,omitempty"`
	Method        string `json:"method,omitempty"`
	Path          string `json:"path,omitempty"`
	Credential    string `json:"credential,omitempty"`
	Class         string `json:"class,omitempty"`
	Account       string `json:"account,omitempty"`
	Plan          string `json:"plan,omitempty"`
	Decision      string `json:"decision"`
	Reason        string `json:"reason,omitempty"`
	Detail        string `json:"detail,omitempty"`
	Outcome       string `json:"outcome"` // as Call.State
	Status        int    `json:"status,omitempty"`
	Result        string `json:"result,omitempty"`
	ErrorCode     string `json:"error_code,omitempty"`
	ErrorMessage  string `json:"error_message,omitempty"`
	RequestID     string `json:"request_id,omitempty"`

	Orders    []string `json:"orders,omitempty"` // ids of request and answer
	Customers []string `json:"customers,omitempty"`
	Coupons   []string `json:"coupons,omitempty"`
	Amounts   []Amount `json:"amounts,omitempty"`
	Unsummed  int      `json:"unsummed,omitempty"` // amounts beside these, see Call.Amounts

	For      string      `json:"for,omitempty"`       // the call for which the gateway itself made this one
	Repeats  string      `json:"repeats,omitempty"`   // the call that this one repeats on purpose
	HeldBy   string      `json:"held_by,omitempty"`   // the call because of which this one was refused as a repetition, or would have been
	CapsFull []string    `json:"caps_full,omitempty"` // caps because of which the call was refused, or would have been
	Settled  *Settlement `json:"settled,omitempty"`   // how an unknown outcome came to be known
}

// Settlement is how an unknown outcome came to be known, which is the call's state since.
type Settlement struct {
	Time   time.Time `json:"time"` // in the zone asked for
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
	From   string    `json:"from,omitempty"` // the gateway's own call that showed it
}

// Row returns the call as a row, with times in a zone.
func (c *Call) Row(zone *time.Location) *Row {
	row := &Row{
		Seq: c.Seq(), Call: c.ID(), Time: c.Time().In(zone), Caller: c.Caller(), ClaimedCaller: c.Claimed(), Source: c.first().Source,
		Site: c.Site(), Operation: c.Operation(), Effect: c.Effect(), Deprecated: c.Deprecated(), Method: c.first().Method, Path: c.first().Path,
		Credential: c.Credential(), Class: c.Class(), Account: c.Account(), Plan: c.Plan(), Decision: c.Decision(), Reason: c.Reason(), Detail: c.Detail(),
		Outcome: c.State(), Status: c.Status(),
		Result: c.Result(), ErrorCode: c.ErrorCode(), RequestID: c.RequestID(),
		Orders: c.Fields(catalog.FieldOrder), Customers: c.Fields(catalog.FieldCustomer), Coupons: c.Fields(catalog.FieldCoupon),
	}
	row.Amounts, row.Unsummed = c.Amounts()
	last := c.last()
	row.EndSeq, row.Ended, row.ErrorMessage = last.Seq, last.Time.In(zone), last.ErrorMessage
	spending := spendingOf(c.first())
	row.For, row.Repeats, row.HeldBy, row.CapsFull = c.For(), spending.Repeats, spending.HeldBy, spending.CapsFull
	if c.Settled != nil {
		said := c.Settled.Data
		row.Settled = &Settlement{c.Settled.Time.In(zone), said["by"], said["reason"], said["from"]}
	}
	return row
}

// RowColumns are the columns of the rows' CSV, named after the members of Row.
var RowColumns = []string{
	"seq", "end_seq", "call", "time", "ended", "offset", "caller", "claimed_caller", "source", "site", "operation", "effect", "deprecated", "method", "path",
	"credential", "class", "account", "plan", "decision", "reason", "detail", "outcome", "status", "result", "error_code", "error_message", "request_id",
	"orders", "customers", "coupons", "amount", "currency", "answer_amount", "unsummed",
	"price", "price_from", "for", "repeats", "held_by", "caps_full", "settled", "settled_by", "settled_reason",
}

// csvTime is a layout that spreadsheets read as a time. The offset, which they do not read, has a column of its own.
const csvTime = "2006-01-02 15:04:05.000"

// Cells returns the row's cells in the order of [RowColumns]. Several values of a cell are joined by "; ".
func (r *Row) Cells() []string {
	asked, answered, price, from := r.amountTexts()
	currency := ""
	if len(r.Amounts) > 0 {
		currency = r.Amounts[0].Currency
	}
	return []string{
		strconv.FormatUint(r.Seq, 10), text.NotZero(r.EndSeq), r.Call, r.Time.Format(csvTime), r.endedText(), r.Time.Format("UTC-07:00"), r.Caller, r.ClaimedCaller,
		r.Source, r.Site, r.Operation, r.Effect, text.NotZero(r.Deprecated), r.Method, r.Path, r.Credential, r.Class, r.Account, r.Plan, r.Decision, r.Reason, r.Detail,
		r.Outcome, text.NotZero(r.Status),
		r.Result, r.ErrorCode, r.ErrorMessage, r.RequestID,
		strings.Join(r.Orders, "; "), strings.Join(r.Customers, "; "), strings.Join(r.Coupons, "; "), asked, currency, answered, text.NotZero(r.Unsummed),
		price, from, r.For, r.Repeats, r.HeldBy, strings.Join(r.CapsFull, "; "), r.settledText(), r.settled().By, r.settled().Reason,
	}
}

func (r *Row) amountTexts() (asked, answered, price, from string) {
	var texts [2][]string
	for _, a := range r.Amounts {
		switch {
		case a.From != "":
			price, from = a.Value.String(), a.From
		case a.Answer:
			texts[1] = append(texts[1], a.Value.String())
		default:
			texts[0] = append(texts[0], a.Value.String())
		}
	}
	return strings.Join(texts[0], "; "), strings.Join(texts[1], "; "), price, from
}

func (r *Row) settled() *Settlement { return cmp.Or(r.Settled, &Settlement{}) }

func (r *Row) endedText() string   { return r.laterText(r.Ended) }
func (r *Row) settledText() string { return r.laterText(r.settled().Time) }

// laterText has the offset of the row's time, which the CSV states once, also where the clocks were changed in between.
func (r *Row) laterText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(time.FixedZone(r.Time.Zone())).Format(csvTime)
}
