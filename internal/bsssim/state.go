package bsssim

import (
	"cmp"
	"fmt"
	"time"
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

// startState builds the world that the package comment describes.
func startState(site string, now time.Time) *state {
	now = now.UTC().Truncate(time.Second)
	s := &state{
		site: site, currency: "CNY", start: now,
		partners: make(map[string]*partner), resellers: make(map[string]*reseller), customers: make(map[string]*customer),
		orders: make(map[string]*order), resources: make(map[string]*resource), quotas: make(map[string]*quota),
		coupons: make(map[string]*coupon), used: make(map[string]bool),
	}
	if site == "intl" {
		s.currency = "USD"
	}
	s.partners["p-1"] = &partner{"p-1", 10_000_00}
	s.partners["p-9"] = &partner{"p-9", 50_000_00}
	s.resellers["r-1"] = &reseller{"r-1", "p-9", 1000_00}
	s.resellers["r-2"] = &reseller{"r-2", "p-9", 0}
	for _, c := range []customer{
		{ID: "c-17", Name: "acme", Partner: "p-1", Balance: 500_00},
		{ID: "c-18", Name: "globex", Partner: "p-1", Balance: 20_00},
		{ID: "c-20", Name: "initech", Partner: "p-1", Referral: true},
		{ID: "c-30", Name: "umbrella", Balance: 800_00},
		{ID: "c-31", Name: "umbrella-lab", Master: "c-30", Balance: 50_00},
		{ID: "c-32", Name: "umbrella-shop", Master: "c-30"},
		{ID: "c-40", Name: "hooli", Partner: "p-9", Balance: 100_00},
		{ID: "c-41", Name: "piedpiper", Partner: "p-9", Reseller: "r-1"},
	} {
		c.Created = now.AddDate(-1, 0, 0)
		s.customers[c.ID] = &c
	}
	s.addOrder(order{ID: "CS-1001", Customer: "c-17", Type: typeNew, Status: orderUnpaid, Amount: 99_00, Created: now})
	s.addOrder(order{ID: "CS-1002", Customer: "c-17", Type: typeNew, Status: orderUnpaid, Amount: 9999_00, Created: now})
	s.addOrder(order{ID: "CS-2001", Customer: "c-18", Type: typeNew, Status: orderUnpaid, Amount: 15_00, Created: now})
	s.addOrder(order{ID: "CS-3001", Customer: "c-30", Type: typeNew, Status: orderUnpaid, Amount: 120_00, Created: now})
	s.addOrder(order{ID: "CS-1003", Customer: "c-17", Type: typeNew, Status: orderDone, Amount: 60_00, Created: now.AddDate(0, -1, 0),
		Paid: now.AddDate(0, -1, 0), Resources: []string{"res-1", "res-2"}})
	for _, id := range []string{"res-1", "res-2"} {
		s.resources[id] = &resource{ID: id, Customer: "c-17", Order: "CS-1003", Monthly: 30_00, Expires: now.AddDate(0, 1, 0)}
	}
	s.quotas["Q-1"] = &quota{ID: "Q-1", Partner: "p-1", Value: 1000_00, Balance: 1000_00}
	s.quotas["Q-9"] = &quota{ID: "Q-9", Partner: "p-9", Value: 5000_00, Balance: 5000_00}
	s.coupons["CP-1"] = &coupon{ID: "CP-1", Customer: "c-17", Partner: "p-1", Quota: "Q-1", Value: 20_00, Balance: 20_00}
	s.coupons["CP-30"] = &coupon{ID: "CP-30", Customer: "c-30", Value: 40_00, Balance: 40_00}
	return s
}

// settle gives an account that the start state does not know a partner's or a customer's balance.
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
func (s *state) full() bool { return max(s.made, len(s.ledger)) >= maxObjects }

// next makes an id that is unique in this state.
func (s *state) next(prefix string) string {
	s.made++
	return fmt.Sprintf("%s-%d", prefix, 9000+s.made)
}

// customerOf gives a customer that the account may act for: itself, or a customer of that partner.
func (s *state) customerOf(a *Account, id string) *customer {
	c := s.customers[id]
	if c == nil || a.Class == Customer && c.ID != a.DomainID || a.Class == Partner && c.Partner != a.DomainID {
		return nil
	}
	return c
}
