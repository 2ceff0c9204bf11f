package bsssim

import (
	"cmp"
	"fmt"
	"time"

	"tollgate/catalog"
)

// The numbers of order states and types that the order pages document.
const (
	orderUnpaid    = 6
	orderDone      = 5
	orderCancelled = 4

	typeNew     = 1
	typeRenewal = 2
	typeRefund  = 4
)

const (
	timeLayout = "2006-01-02T15:04:05Z"
	maxObjects = 100_000 // made after the start, of all kinds together
)

// state is the toy world. The server's mutex guards it.
type state struct {
	site      string
	currency  string
	start     time.Time
	made      int // objects made since the start; numbers new ids
	partners  map[string]*partner
	resellers map[string]*reseller
	customers map[string]*customer
	orders    map[string]*order
	resources map[string]*resource
	quotas    map[string]*quota
	coupons   map[string]*coupon
	used      map[string]bool // transaction ids of enterprise calls
	followed  map[string]int  // how many orders followed those that a customer paid or cancelled
	follows   int             // the sum of these
	adjusts   []adjustment
	quotaLog  []quotaRecord
	couponLog []couponRecord
	ledger    []Movement
}

type partner struct {
	ID      string `json:"id"`
	Balance cents  `json:"balance"`
}

type reseller struct {
	ID      string `json:"id"`
	Partner string `json:"partner"`
	Balance cents  `json:"balance"`
}

type customer struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Partner  string `json:"partner,omitempty"`
	Reseller string `json:"reseller,omitempty"`
	Master   string `json:"master,omitempty"` // of an enterprise member
	Referral bool   `json:"referral,omitempty"`
	Balance  cents  `json:"balance"`
	Budget   cents  `json:"budget,omitempty"`
	Frozen   bool   `json:"frozen,omitempty"`
	Created  time.Time
}

type order struct {
	ID        string   `json:"id"`
	Customer  string   `json:"customer"`
	Type      int      `json:"type"`
	Status    int      `json:"status"`
	Amount    cents    `json:"amount"`
	Currency  string   `json:"currency,omitempty"`
	Measure   int      `json:"measure_id"`
	Months    int      `json:"months,omitempty"` // of a renewal
	Resources []string `json:"resources"`
	Created   time.Time
	Paid      time.Time
}

type resource struct {
	ID        string `json:"id"`
	Customer  string `json:"customer"`
	Order     string `json:"order"`
	Monthly   cents  `json:"monthly"`
	AutoRenew bool   `json:"auto_renew"`
	OnDemand  bool   `json:"on_demand"`
	Gone      bool   `json:"unsubscribed"`
	Expires   time.Time
}

type quota struct {
	ID       string `json:"id"`
	Partner  string `json:"partner"`
	Reseller string `json:"reseller,omitempty"`
	Parent   string `json:"parent,omitempty"`
	Value    cents  `json:"value"`
	Balance  cents  `json:"balance"`
}

type coupon struct {
	ID       string `json:"id"`
	Customer string `json:"customer"`
	Partner  string `json:"partner,omitempty"`
	Quota    string `json:"quota,omitempty"`
	Parent   string `json:"parent,omitempty"` // coupon of the enterprise master that it came from
	Value    cents  `json:"value"`
	Balance  cents  `json:"balance"`
	UsedBy   string `json:"used_by,omitempty"`
}

// adjustment is one transfer between a partner and a customer or reseller.
type adjustment struct {
	ID, Partner, Customer, Reseller, Kind string
	Amount                                cents
	Time                                  time.Time
}

type quotaRecord struct {
	Partner, Reseller, Quota, Parent, Kind string
	Amount                                 cents
	Time                                   time.Time
}

type couponRecord struct {
	Partner, Customer, Quota, Coupon, Kind string
	Amount                                 cents
	Time                                   time.Time
}

// startState builds the world of a seed.
func startState(seed *Seed, site string, now time.Time) *state {
	now = now.UTC().Truncate(time.Second)
	s := &state{
		site: site, currency: catalog.Currency(site), start: now,
		partners: make(map[string]*partner), resellers: make(map[string]*reseller), customers: make(map[string]*customer),
		orders: make(map[string]*order), resources: make(map[string]*resource), quotas: make(map[string]*quota),
		coupons: make(map[string]*coupon), used: make(map[string]bool), followed: make(map[string]int),
	}
	s.plantAccounts(seed)
	s.plantOrders(seed)
	for _, e := range seed.CouponQuotas {
		s.quotas[string(e.ID)] = &quota{ID: string(e.ID), Partner: string(e.Partner), Value: cents(e.Value), Balance: cents(e.Value)}
	}
	for _, e := range seed.Coupons {
		s.coupons[string(e.ID)] = &coupon{
			ID: string(e.ID), Customer: string(e.Customer), Partner: string(e.Partner), Quota: string(e.Quota), Value: cents(e.Value), Balance: cents(e.Value),
		}
	}
	return s
}

func (s *state) plantAccounts(seed *Seed) {
	for _, e := range seed.Partners {
		s.partners[string(e.ID)] = &partner{string(e.ID), e.Balance}
	}
	for _, e := range seed.Resellers {
		s.resellers[string(e.ID)] = &reseller{string(e.ID), string(e.Partner), e.Balance}
	}
	for _, e := range seed.Customers {
		s.customers[string(e.ID)] = &customer{
			ID: string(e.ID), Name: string(cmp.Or(e.Name, e.ID)), Partner: string(e.Partner), Reseller: string(e.Reseller), Master: string(e.Master),
			Referral: e.Referral, Balance: e.Balance, Created: s.start.AddDate(-1, 0, 0),
		}
	}
}

// plantOrders adds the orders of a seed, and what they opened.
func (s *state) plantOrders(seed *Seed) {
	for _, e := range seed.Orders {
		o := order{
			ID: string(e.ID), Customer: string(e.Customer), Type: typeNew, Status: orderStatus(e.Status), Amount: cents(e.Amount),
			Currency: string(e.Currency), Measure: e.Measure, Created: s.start.AddDate(0, -e.MonthsAgo, 0),
		}
		if o.Status == orderDone {
			o.Paid = o.Created
		}
		s.addOrder(o)
	}
	for _, e := range seed.Resources {
		s.resources[string(e.ID)] = &resource{
			ID: string(e.ID), Customer: string(e.Customer), Order: string(e.Order), Monthly: cents(e.Monthly), AutoRenew: e.AutoRenew,
			OnDemand: e.OnDemand, Expires: s.start.AddDate(0, e.MonthsLeft, 0),
		}
		of := s.orders[string(e.Order)]
		of.Resources = append(of.Resources, string(e.ID))
	}
}

func orderStatus(word string) int {
	switch word {
	case "paid":
		return orderDone
	case "cancelled":
		return orderCancelled
	}
	return orderUnpaid
}

// settle opens a balance for an account that the seed does not know: as a partner or a customer.
func (s *state) settle(a *Account) {
	if a.Class == Partner && s.partners[a.DomainID] == nil {
		s.partners[a.DomainID] = &partner{a.DomainID, 10_000_00}
	}
	if a.Class == Customer && s.customers[a.DomainID] == nil {
		s.customers[a.DomainID] = &customer{ID: a.DomainID, Name: a.DomainID, Balance: 500_00, Created: s.start}
	}
}

// addOrder adds an order, in the site's currency and in its main unit unless it says otherwise.
func (s *state) addOrder(o order) *order {
	o.Currency, o.Measure = cmp.Or(o.Currency, s.currency), cmp.Or(o.Measure, 1)
	s.orders[o.ID] = &o
	return &o
}

// full reports whether no more objects or movements fit; one call makes at most as many as its body lists.
func (s *state) full() bool { return max(s.made, len(s.ledger), s.follows) >= maxObjects }

// next makes an id that nothing in this state has, including what the seed named.
func (s *state) next(prefix string) string {
	for {
		s.made++
		if id := fmt.Sprintf("%s-%d", prefix, 9000+s.made); !s.has(id) {
			return id
		}
	}
}

func (s *state) has(id string) bool {
	return s.orders[id] != nil || s.resources[id] != nil || s.customers[id] != nil || s.partners[id] != nil || s.resellers[id] != nil || s.quotas[id] != nil || s.coupons[id] != nil
}

// follow makes an order like one that was just paid or cancelled, if its customer has no other that its balance covers: a developer always has
// one to pay, for as long as there is money. Its id depends on the customer's orders alone.
func (s *state) follow(ended *order, now time.Time) {
	balance := s.customers[ended.Customer].Balance
	for _, o := range s.orders {
		if o.Customer == ended.Customer && o.Status == orderUnpaid && o.Amount <= balance {
			return
		}
	}
	next := order{
		Customer: ended.Customer, Type: typeNew, Status: orderUnpaid, Amount: ended.Amount, Currency: ended.Currency, Measure: ended.Measure, Created: now,
	}
	for next.ID == "" || s.orders[next.ID] != nil { // a seed may have it
		s.followed[ended.Customer]++
		next.ID = fmt.Sprintf("CS-%s-%d", ended.Customer, s.followed[ended.Customer])
	}
	s.follows++
	s.addOrder(next)
}

// customerOf returns a customer that the account may act for: itself, or a customer of that partner.
func (s *state) customerOf(a *Account, id string) *customer {
	c := s.customers[id]
	if c == nil || a.Class == Customer && c.ID != a.DomainID || a.Class == Partner && c.Partner != a.DomainID {
		return nil
	}
	return c
}
