package bsssim

import (
	"fmt"
	"maps"

	"tollgate/config/strictyaml"
	"tollgate/internal/nearest"
)

// maxSeeded bounds the entries of each part of a seed.
const maxSeeded = 5000

// seedCheck holds the parts of a seed against each other.
type seedCheck struct {
	*strictyaml.Document
	partners, resellers, customers, orders, quotas seen
	accounts                                       seen // partners and customers
	missing                                        int  // references to what is not there
}

// maxSuggested is for how many references to what is not there the right one is looked for, among all ids of a part each time.
const maxSuggested = 20

// seen are the entries of a part, by id: where each stands.
type seen map[id]string

func (c *seedCheck) all(s *Seed) {
	c.partners = ids(c, "partners", s.Partners, func(e *seedPartner) id { return e.ID })
	c.resellers = ids(c, "resellers", s.Resellers, func(e *seedReseller) id { return e.ID })
	c.customers = ids(c, "customers", s.Customers, func(e *seedCustomer) id { return e.ID })
	c.orders = ids(c, "orders", s.Orders, func(e *seedOrder) id { return e.ID })
	c.quotas = ids(c, "coupon_quotas", s.CouponQuotas, func(e *seedQuota) id { return e.ID })
	ids(c, "access_keys", s.AccessKeys, func(e *seedKey) id { return e.ID })
	ids(c, "resources", s.Resources, func(e *seedResource) id { return e.ID })
	ids(c, "coupons", s.Coupons, func(e *seedCoupon) id { return e.ID })
	c.checkAccounts(s)
	c.checkCustomers(s)
	c.checkPossessions(s)
}

// ids returns the ids of a part. It reports those that are there twice, and a part that is too large.
func ids[T any](c *seedCheck, part string, entries []T, idOf func(*T) id) seen {
	if len(entries) > maxSeeded {
		c.Add(c.Key(part), part, "", "%s has %d entries: at most %d are allowed", part, len(entries), maxSeeded)
	}
	all := make(seen, len(entries))
	for i := range entries {
		of, path := idOf(&entries[i]), entry(part, i)+".id"
		if first, twice := all[of]; twice && of != "" && len(entries) <= maxSeeded {
			c.Add(c.Where(path), path, "", "id %s is taken: the first is at %s", of, c.Place(first))
			continue
		}
		all[of] = path
	}
	return all
}

func entry(part string, i int) string { return fmt.Sprintf("%s[%d]", part, i) }

// refer reports an id that is not among those of the part that it names. An empty one names nothing.
func (c *seedCheck) refer(path, kind string, to id, known seen) {
	if _, ok := known[to]; ok || to == "" {
		return
	}
	suggestion := ""
	if c.missing++; c.missing <= maxSuggested {
		suggestion = nearest.Suggest(string(to), known.words())
	}
	c.Add(c.Where(path), path, suggestion, "there is no %s %s", kind, to)
}

func (s seen) words() (all []string) {
	for word := range s {
		all = append(all, string(word))
	}
	return all
}

// checkAccounts holds each access key against the partners and customers, which share one space of ids.
func (c *seedCheck) checkAccounts(s *Seed) {
	c.accounts = maps.Clone(c.partners)
	for of, path := range c.customers {
		if first, twice := c.accounts[of]; twice && of != "" {
			c.Add(c.Where(path), path, "", "id %s is taken: it is a partner's, at %s", of, c.Place(first))
		}
		c.accounts[of] = path
	}
	for i, e := range s.AccessKeys {
		c.refer(entry("access_keys", i)+".account", "partner or customer", e.Account, c.accounts)
	}
	for i, e := range s.Resellers {
		c.refer(entry("resellers", i)+".partner", "partner", e.Partner, c.partners)
	}
}

func (c *seedCheck) checkCustomers(s *Seed) {
	distributorOf, leads := make(map[id]id), make(map[id]bool)
	for _, e := range s.Resellers {
		distributorOf[e.ID] = e.Partner
	}
	for _, e := range s.Customers {
		leads[e.ID] = e.EnterpriseMaster
	}
	for i, e := range s.Customers {
		path := entry("customers", i)
		c.refer(path+".partner", "partner", e.Partner, c.partners)
		c.refer(path+".reseller", "reseller", e.Reseller, c.resellers)
		c.refer(path+".master", "customer", e.Master, c.customers)
		switch {
		case e.Master != "" && e.Partner != "":
			c.Add(c.Key(path+".master"), path+".master", "", "a customer is a partner's or a member of an enterprise, not both")
		case e.Master != "" && e.EnterpriseMaster:
			c.Add(c.Key(path+".master"), path+".master", "", "an enterprise master is a member of no enterprise")
		case c.customers[e.Master] != "" && !leads[e.Master]:
			c.Add(c.Key(path+".master"), path+".master", "", "customer %s is no master: it has no enterprise_master: true", e.Master)
		case e.Reseller != "" && distributorOf[e.Reseller] != e.Partner:
			c.Add(c.Key(path+".reseller"), path+".reseller", "", "reseller %s is not one of the customer's partner", e.Reseller)
		case e.Referral && (e.Partner == "" || e.Balance != 0):
			c.Add(c.Key(path+".referral"), path+".referral", "", "a customer of the referral model is a partner's, and has no balance")
		}
	}
}

// checkPossessions holds what customers and partners have against whose it is.
func (c *seedCheck) checkPossessions(s *Seed) {
	payerOf, paid, issuerOf := make(map[id]id), make(map[id]bool), make(map[id]id)
	for i, e := range s.Orders {
		c.refer(entry("orders", i)+".customer", "customer", e.Customer, c.customers)
		payerOf[e.ID], paid[e.ID] = e.Customer, e.Status == "paid"
	}
	for i, e := range s.CouponQuotas {
		c.refer(entry("coupon_quotas", i)+".partner", "partner", e.Partner, c.partners)
		issuerOf[e.ID] = e.Partner
	}
	for i, e := range s.Resources {
		path := entry("resources", i)
		c.refer(path+".customer", "customer", e.Customer, c.customers)
		c.refer(path+".order", "order", e.Order, c.orders)
		if payer, known := payerOf[e.Order]; known && (payer != e.Customer || !paid[e.Order]) {
			c.Add(c.Key(path+".order"), path+".order", "", "order %s is not a paid one of the resource's customer", e.Order)
		}
	}
	for i, e := range s.Coupons {
		path := entry("coupons", i)
		c.refer(path+".customer", "customer", e.Customer, c.customers)
		c.refer(path+".partner", "partner", e.Partner, c.partners)
		c.refer(path+".quota", "coupon quota", e.Quota, c.quotas)
		if issuer, known := issuerOf[e.Quota]; known && issuer != e.Partner {
			c.Add(c.Key(path+".quota"), path+".quota", "", "quota %s is not the partner's", e.Quota)
		}
	}
}
