package bsssim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tollgate/catalog"
)

// request is what an operation works on. The state is locked while it does.
type request struct {
	state     *state
	config    *Config
	account   *Account
	operation *catalog.Operation
	params    catalog.Params
	query     url.Values
	body      map[string]any
	raw       []byte
	now       time.Time
	partial   bool // a fault: batch operations fail their last item
}

type handler func(*request) *answer

// dispatch reads the body and calls the operation's handler, or returns its empty answer.
func (s *Server) dispatch(r *request) *answer {
	if len(r.raw) > 0 {
		body, isObject := parseBody(r.raw)
		if !isObject {
			return fail(http.StatusBadRequest, "CBC.0100")
		}
		r.body = body
	}
	if handle := s.handlers[r.operation.Name]; handle != nil {
		return handle(r)
	}
	return s.emptyAnswer(r.operation)
}

// parseBody reads one JSON object and nothing behind it. Numbers keep their text.
func parseBody(raw []byte) (map[string]any, bool) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var body map[string]any
	if err := decoder.Decode(&body); err != nil || body == nil {
		return nil, false
	}
	_, err := decoder.Token()
	return body, err == io.EOF
}

// parseQuery reads pairs; those that cannot be read were refused by the signature check before.
func parseQuery(raw string) url.Values {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return url.Values{}
	}
	return values
}

// text returns a scalar by the first of the names that is there, in path, body or query.
func (r *request) text(names ...string) string {
	for _, name := range names {
		if value := r.params.Get(name); value != "" {
			return value
		}
		if value := scalar(r.body[name]); value != "" {
			return value
		}
		if value := r.query.Get(name); value != "" {
			return value
		}
	}
	return ""
}

func scalar(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// list returns the scalars of an array by the first of the names that is there.
func (r *request) list(names ...string) []string {
	for _, name := range names {
		values, isList := r.body[name].([]any)
		if !isList {
			continue
		}
		var texts []string
		for _, v := range values {
			texts = append(texts, scalar(v))
		}
		return texts
	}
	return nil
}

// each returns one member of every object of an array: each("coupon_infos", "id").
func (r *request) each(array, member string) []string {
	var texts []string
	values, _ := r.body[array].([]any)
	for _, v := range values {
		if o, isObject := v.(map[string]any); isObject {
			texts = append(texts, scalar(o[member]))
		}
	}
	return texts
}

// amount reads a positive amount by the first of the names that is there.
func (r *request) amount(names ...string) (cents, bool) { return parseCents(r.text(names...)) }

// customer returns the customer that acts for itself.
func (r *request) customer() *customer { return r.state.customers[r.account.DomainID] }

func (r *request) v1() bool { return r.operation.CodeAlways }

// reject answers a business failure in the shape of the operation: v1 as HTTP 200, v2 as 400.
func (r *request) reject(code1, code2 string) *answer {
	if r.v1() {
		return fail1(code1)
	}
	return fail(http.StatusBadRequest, code2)
}

// accept answers success: v1 always with a code, v2 with the body or, if there is none, 204.
func (r *request) accept(body object) *answer {
	if r.v1() {
		return ok1(body)
	}
	if body == nil {
		return done()
	}
	return ok(body)
}

// either answers success with what the operation's version calls things.
func (r *request) either(v1, v2 object) *answer {
	if r.v1() {
		return ok1(v1)
	}
	return ok(v2)
}

// page cuts rows by offset (an item offset from 0) and limit (1 to 1000, 10 by default).
func page[T any](r *request, rows []T) []T {
	offset, err := strconv.Atoi(cmp.Or(r.text("offset"), "0"))
	limit, err2 := strconv.Atoi(cmp.Or(r.text("limit"), "10"))
	if err != nil || err2 != nil || offset < 0 || limit < 1 || limit > 1000 {
		offset, limit = 0, 10
	}
	from := min(offset, len(rows))
	return append([]T{}, rows[from:min(from+limit, len(rows))]...) // never nil: an empty list is [] in JSON
}

// sorted returns the values of a map in the order of their keys.
func sorted[T any](m map[string]T) []T {
	var values []T
	for _, key := range slices.Sorted(maps.Keys(m)) {
		values = append(values, m[key])
	}
	return values
}

// stamp writes a time as the API does, "" for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(timeLayout)
}

// refuseClass refuses what the account's class may not call. nil: go on.
func refuseClass(a *Account, o *catalog.Operation, params catalog.Params) *answer {
	denied := fail(http.StatusForbidden, "CBC.0151")
	// {partner_id} is not checked: "not verified at present" says the page of the v1 customer list.
	ofCustomer := a.Class == Partner && o.DomainIsCustomer()
	if domain := params.Get("domain_id"); domain != "" && domain != a.DomainID && !ofCustomer {
		return denied
	}
	switch {
	case o.Class == catalog.ClassPartner && a.Class != Partner:
		if o.CodeAlways {
			denied = fail1("CBC.5001")
		}
		return denied
	case o.Class == catalog.ClassCustomer && a.Class != Customer:
		if silentForPartners(o) {
			denied = emptyList1()
		}
		return denied
	case o.Kind == catalog.KindDistributor && !a.Distributor, o.Kind == catalog.KindEnterpriseMaster && !a.EnterpriseMaster:
		return denied
	}
	return nil
}

// silentForPartners reports whether a partner, who can have no prepaid resources, gets an empty list rather than an error.
func silentForPartners(o *catalog.Operation) bool {
	return o.Effect == catalog.Read && strings.HasPrefix(o.Path, "/v1.0/{domain_id}/common/order-mgr/") && strings.Contains(o.Path, "resource")
}

func emptyList1() *answer { return ok1(object{"totalCount": 0, "data": []any{}}) }
