package journal

import (
	"slices"
	"strings"
	"time"

	"tollgate/audit/logfile"
	"tollgate/catalog"
)

// Unknown is a call of which it is unknown whether it was done, and that holds something.
type Unknown struct {
	Call, Caller, Upstream, Site, Credential, Account, Act string
	Orders                                                 []string // that its request names
	Ended                                                  time.Time
}

// Unknown returns such calls, the oldest first. Calls of the last seconds may be missing, and may have been settled meanwhile.
func (j *Journal) Unknown() (all []Unknown) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, u := range j.unknown {
		if !j.settled[u.Call] {
			all = append(all, u)
		}
	}
	return all
}

// unknown returns those that are folded.
func (f *fold) unknown() (all []Unknown) {
	for _, s := range f.statements(func(s *statement) bool { return s.Unknown }) {
		r := &s.Record
		u := Unknown{
			Call: r.Call, Caller: r.Caller, Upstream: r.Upstream, Site: r.Site, Credential: r.Credential, Account: r.Account, Act: r.Act,
		}
		for _, field := range r.Fields {
			for _, order := range field.Values {
				u.addOrder(order)
			}
		}
		held, _ := f.ledger.Call(r.Call)
		u.Ended = held.Ended
		all = append(all, u)
	}
	return all
}

// addOrder adds an order once, however it is spelled: a request may name it under two names.
func (u *Unknown) addOrder(order string) {
	if !slices.ContainsFunc(u.Orders, func(other string) bool { return strings.EqualFold(other, order) }) {
		u.Orders = append(u.Orders, order)
	}
}

// ordersOf returns the fields of a call that name orders. They stand in the log as the call named them.
func ordersOf(r *logfile.Record) (orders []logfile.Field) {
	for _, field := range r.Fields {
		if field.Kind == string(catalog.FieldOrder) {
			orders = append(orders, field)
		}
	}
	return orders
}
