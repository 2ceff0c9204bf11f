package bsssim

import "net/http"

// member returns the enterprise member named, or the refusal.
func (r *request) member() (*customer, *answer) {
	c := r.state.customers[r.text("customer_id", "sub_customer_id", "subCustomerId")]
	if c == nil || c.Master != r.account.DomainID {
		return nil, r.reject("CBC.5004", "CBC.99000047")
	}
	return c, nil
}

// transfer returns the enterprise member and the caller's transaction id, or the refusal of one that is missing or was used before. It
// does not mark the id.
func (r *request) transfer() (member *customer, id string, refusal *answer) {
	id = r.text("trans_id", "transId")
	member, refusal = r.member()
	switch {
	case refusal != nil:
	case id == "" || len(id) > 64:
		refusal = r.reject("CBC.0100", "CBC.0101")
	case r.state.used[id]:
		refusal = r.reject("CBC.99007009", "CBC.99007009")
	}
	return member, id, refusal
}

// memberFunds moves funds between master and member. Its trans_id makes a repetition an error instead of a second transfer.
func memberFunds(toMember bool) handler {
	return func(r *request) *answer {
		member, id, refusal := r.transfer()
		if refusal != nil {
			return refusal
		}
		amount, valid := r.amount("amount", "totalRetrieveAmout")
		if !valid {
			return r.reject("CBC.0100", "CBC.0101")
		}
		from, to := &r.customer().Balance, &member.Balance
		if !toMember {
			from, to = to, from
		}
		if *from < amount {
			return r.reject("CBC.5003", "CBC.99005003")
		}
		r.state.made++
		r.state.used[id] = true
		*from -= amount
		*to += amount
		r.moved(MovedFunds, id, member.ID, amount)
		return r.accept(nil)
	}
}

func listMembers(r *request) *answer {
	rows := []object{}
	for _, c := range sorted(r.state.customers) {
		if c.Master == r.account.DomainID {
			rows = append(rows, object{"id": c.ID, "name": c.Name, "display_name": c.Name, "status": 1, "org_id": "org-1", "org_name": "root"})
		}
	}
	return ok(object{"total_count": len(rows), "sub_customer_infos": page(r, rows)})
}

func transferable(r *request) *answer {
	row := object{"avail_transfer_amount": r.customer().Balance, "amount": r.customer().Balance, "measure_id": 1, "currency": r.state.currency}
	return ok(object{"total_count": 1, "amount_infos": []object{row}})
}

func reclaimable(r *request) *answer {
	member, refusal := r.member()
	if refusal != nil {
		return refusal
	}
	row := object{"avail_retrieve_amount": member.Balance, "amount": member.Balance, "measure_id": 1, "currency": r.state.currency}
	return ok(object{"total_count": 1, "amount_infos": []object{row}})
}

// claimCoupon moves a part of the master's coupon to a member, as a coupon of its own.
func claimCoupon(r *request) *answer {
	member, id, refusal := r.transfer()
	if refusal != nil {
		return refusal
	}
	parent := r.state.coupons[r.text("coupon_id")]
	amount, valid := r.amount("amount")
	if parent == nil || parent.Customer != r.account.DomainID || !valid {
		return fail(http.StatusBadRequest, "CBC.0101")
	}
	if parent.Balance < amount || parent.UsedBy != "" {
		return fail(http.StatusBadRequest, "CBC.99007004")
	}
	r.state.used[id] = true
	parent.Balance -= amount
	part := &coupon{ID: r.state.next("CP"), Customer: member.ID, Parent: parent.ID, Value: amount, Balance: amount}
	r.state.coupons[part.ID] = part
	return ok(object{"sub_coupon_id": part.ID})
}

func reclaimMemberCoupon(r *request) *answer {
	member, id, refusal := r.transfer()
	if refusal != nil {
		return refusal
	}
	part, parent := r.state.coupons[r.text("sub_coupon_id")], r.state.coupons[r.text("coupon_id")]
	if part == nil || parent == nil || part.Customer != member.ID || part.Parent != parent.ID || part.UsedBy != "" {
		return fail(http.StatusBadRequest, "CBC.99007004")
	}
	r.state.used[id] = true
	r.state.made++
	parent.Balance += part.Balance
	delete(r.state.coupons, part.ID)
	return ok(object{"real_retrieve_amout": part.Balance.String()}) // spelt so by the API
}
