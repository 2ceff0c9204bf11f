package bsssim

import (
	"fmt"
	"slices"
	"time"
)

// Movement is one transfer of money. It is listed even if its caller got no answer.
type Movement struct {
	Time      time.Time `json:"time"`
	Kind      string    `json:"kind"` // one of the Moved constants
	Operation string    `json:"operation"`
	Subject   string    `json:"subject"` // the order, coupon or transfer
	Customer  string    `json:"customer,omitempty"`
	Amount    cents     `json:"amount"` // that left, or came back
}

// The kinds of movements.
const (
	MovedPayment = "payment" // from a customer's balance for an order; coupons pay the rest
	MovedRefund  = "refund"  // back to a customer's balance
	MovedCoupon  = "coupon"  // issued
	MovedFunds   = "funds"   // between a partner and a customer or reseller, or within an enterprise
)

// Ledger returns all movements since the start state, in their order. A payment that is asked for twice and made twice is there twice.
func (s *Server) Ledger() []Movement {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.state.ledger)
}

// moved writes a movement down.
func (r *request) moved(kind, subject, customer string, amount cents) {
	r.state.ledger = append(r.state.ledger, Movement{r.now.UTC(), kind, r.operation.Name, subject, customer, amount})
}

// Order is an unpaid order that a test adds to the state.
type Order struct {
	ID, Customer string
	Amount       string // decimal with up to two digits behind the point
	Currency     string // in answers about it; empty: the site's
	NoCurrency   bool   // currency is empty in answers about it
	Measure      int    // measure_id in answers about it; 0: 1
}

// AddOrder adds an order of a customer that the state knows.
func (s *Server) AddOrder(o Order) error {
	amount, valid := parseCents(o.Amount)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !valid:
		return fmt.Errorf("amount %q: want a positive decimal with up to two digits behind the point", o.Amount)
	case s.state.orders[o.ID] != nil || o.ID == "":
		return fmt.Errorf("order id %q is empty or taken", o.ID)
	case s.state.customers[o.Customer] == nil:
		return fmt.Errorf("unknown customer %q", o.Customer)
	}
	added := s.state.addOrder(order{
		ID: o.ID, Customer: o.Customer, Type: typeNew, Status: orderUnpaid, Amount: amount, Currency: o.Currency, Measure: o.Measure,
		Created: s.config.Clock(),
	})
	if o.NoCurrency {
		added.Currency = ""
	}
	return nil
}

// Deposit adds an amount to a customer's balance.
func (s *Server) Deposit(customer, amount string) error {
	value, valid := parseCents(amount)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.state.customers[customer]
	if !valid || c == nil {
		return fmt.Errorf("cannot deposit %q with customer %q", amount, customer)
	}
	c.Balance += value
	return nil
}
