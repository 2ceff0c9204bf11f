package bsssim

import "net/http"

// resaleCustomer returns the customer whose funds the partner may move, or the refusal.
func (r *request) resaleCustomer() (*customer, *answer) {
	c := r.state.customers[r.text("customer_id")]
	switch {
	case c == nil:
		return nil, r.reject("CBC.5004", "CBC.99000047")
	case c.Partner != r.account.DomainID && r.v1():
		return nil, fail1("CBC.5004")
	case c.Partner != r.account.DomainID:
		return nil, fail(http.StatusForbidden, "CBC.0155")
	case c.Reseller != r.text("indirect_partner_id"): // a reseller's customer is reached through the reseller only
		return nil, r.reject("CBC.5004", "CBC.99000037")
	case c.Referral:
		return nil, r.reject("CBC.5021", "CBC.99000049")
	}
	return c, nil
}

// funds are where a customer's money comes from: the balance of the partner, or of the reseller to which the customer belongs.
func (r *request) funds(c *customer) *cents {
	if c.Reseller != "" {
		return &r.state.resellers[c.Reseller].Balance
	}
	return &r.state.partners[r.account.DomainID].Balance
}

// allocate moves the partner's funds, or those of the reseller named, to a customer.
func allocate(r *request) *answer {
	c, refusal := r.resaleCustomer()
	if refusal != nil {
		return refusal
	}
	amount, valid := r.scaledAmount()
	if !valid {
		return r.reject("CBC.0100", "CBC.0101")
	}
	source := r.funds(c)
	if *source < amount {
		return r.reject("CBC.5003", "CBC.99005003")
	}
	*source -= amount
	c.Balance += amount
	id := r.adjusted("ALLOCATE", c.ID, c.Reseller, amount)
	return r.either(object{"trans_id": id}, object{"transfer_id": id})
}

// scaledAmount reads amount in the unit of measure_id: 1 yuan (the default), 2 jiao, 3 fen.
func (r *request) scaledAmount() (cents, bool) {
	amount, valid := r.amount("amount")
	switch r.text("measure_id") {
	case "", "1":
		return amount, valid
	case "2":
		return amount / 10, valid && amount%10 == 0
	case "3":
		return amount / 100, valid && amount%100 == 0
	}
	return 0, false
}

func reclaim(r *request) *answer {
	c, refusal := r.resaleCustomer()
	if refusal != nil {
		return refusal
	}
	amount, valid := r.amount("amount")
	if !valid {
		return fail(http.StatusBadRequest, "CBC.0101")
	}
	if c.Balance < amount {
		return fail(http.StatusBadRequest, "CBC.99005003")
	}
	c.Balance -= amount
	*r.funds(c) += amount
	return ok(object{"trans_id": r.adjusted("RECLAIM", c.ID, c.Reseller, amount)})
}

// moveReseller moves funds between a partner and its reseller: the kind ALLOCATE to the reseller, RECLAIM back.
func moveReseller(kind, idName string) handler {
	return func(r *request) *answer {
		other := r.ownReseller()
		if other == nil {
			return fail(http.StatusBadRequest, "CBC.99000037")
		}
		amount, valid := r.amount("amount")
		if !valid {
			return fail(http.StatusBadRequest, "CBC.0101")
		}
		from, to := &r.state.partners[r.account.DomainID].Balance, &other.Balance
		if kind == "RECLAIM" {
			from, to = to, from
		}
		if *from < amount {
			return fail(http.StatusBadRequest, "CBC.99005003")
		}
		*from -= amount
		*to += amount
		return ok(object{idName: r.adjusted(kind, "", other.ID, amount)})
	}
}

// ownReseller returns the reseller named by indirect_partner_id if it is the account's.
func (r *request) ownReseller() *reseller {
	other := r.state.resellers[r.text("indirect_partner_id")]
	if other == nil || other.Partner != r.account.DomainID {
		return nil
	}
	return other
}

func (r *request) adjusted(kind, customer, reseller string, amount cents) string {
	id := r.state.next("T")
	r.state.adjusts = append(r.state.adjusts, adjustment{id, r.account.DomainID, customer, reseller, kind, amount, r.now})
	r.moved(MovedFunds, id, customer, amount)
	return id
}

func (r *request) balanceRow(id string, amount cents) object {
	return object{
		"account_id": "acc-" + id, "account_type": 1, "amount": amount, "currency": r.state.currency, "designated_amount": cents(0),
		"credit_amount": cents(0), "measure_id": 1,
	}
}

// partnerBalances shows the partner's own balance or, with indirect_partner_id, that of its reseller.
func partnerBalances(r *request) *answer {
	id, amount := r.account.DomainID, r.state.partners[r.account.DomainID].Balance
	if r.text("indirect_partner_id") != "" {
		other := r.ownReseller()
		if other == nil {
			return fail(http.StatusBadRequest, "CBC.99000037")
		}
		id, amount = other.ID, other.Balance
	}
	return ok(object{"account_balances": []object{r.balanceRow(id, amount)}})
}

// customerBalances leaves out customers outside the partner's scope and those of the referral model.
func customerBalances(r *request) *answer {
	rows := []object{}
	for _, id := range r.each("customer_infos", "customer_id") {
		if c := r.state.customerOf(r.account, id); c != nil && !c.Referral && c.Reseller == r.text("indirect_partner_id") {
			rows = append(rows, object{"customer_id": id, "amount": c.Balance, "debt_amount": cents(0), "currency": r.state.currency, "measure_id": 1})
		}
	}
	return ok(object{"customer_balances": rows})
}

func ownBalance(r *request) *answer {
	rows := []object{r.balanceRow(r.account.DomainID, r.customer().Balance)}
	return r.accept(object{"account_balances": rows, "debt_amount": cents(0), "measure_id": 1, "currency": r.state.currency})
}

// listAdjusts answers an empty list, not an error, for customers outside the partner's scope.
func listAdjusts(r *request) *answer {
	rows := []object{}
	for _, a := range r.state.adjusts {
		if a.Partner == r.account.DomainID && matches(r.text("customer_id", "customerId"), a.Customer) &&
			matches(r.text("indirect_partner_id"), a.Reseller) && matches(r.text("trans_id"), a.ID) {
			rows = append(rows, object{
				"customer_id": a.Customer, "operation_type": a.Kind, "amount": a.Amount.String(), "currency": r.state.currency,
				"apply_scene": "DEFAULT", "operation_time": stamp(a.Time), "measure_id": 1, "trans_id": a.ID,
			})
		}
	}
	return r.either(object{"totalCount": len(rows), "records": page(r, rows)}, object{"total_count": len(rows), "records": page(r, rows)})
}

// matches reports whether a filter is absent or equal to the value.
func matches(want, value string) bool { return want == "" || want == value }
