package bsssim

import (
	"net/http"
	"strings"
)

// listCustomers shows a partner its own customers or, with indirect_partner_id, those of its reseller.
func listCustomers(r *request) *answer {
	rows := []object{}
	for _, c := range sorted(r.state.customers) {
		if c.Partner == r.account.DomainID && c.Reseller == r.text("indirect_partner_id") &&
			matches(r.text("customer_id", "customerId"), c.ID) && matches(r.text("account_name", "domainName"), c.Name) {
			rows = append(rows, r.customerRow(c))
		}
	}
	return r.either(object{"count": len(rows), "totalCount": len(rows), "customerInfoList": page(r, rows)},
		object{"count": len(rows), "customer_infos": page(r, rows)})
}

func (r *request) customerRow(c *customer) object {
	model, frozen := "2", 0
	if c.Referral {
		model = "1"
	}
	if c.Frozen {
		frozen = 1
	}
	if r.v1() {
		return object{"customerId": c.ID, "domainName": c.Name, "cooperationType": model, "cooperationTime": stamp(c.Created)}
	}
	return object{
		"customer": c.Name, "account_name": c.Name, "customer_id": c.ID, "associated_on": stamp(c.Created), "association_type": model,
		"verified_status": "2", "customer_type": 1, "is_frozen": frozen,
	}
}

// createCustomer makes an account tied to the partner. The name comes from domain_name; passwords are not kept.
func createCustomer(r *request) *answer {
	name := r.text("domain_name", "domainName")
	if name == "" || len(name) > 64 {
		return r.reject("CBC.0100", "CBC.0101")
	}
	if r.nameTaken(name) {
		return r.reject("CBC.99007004", "CBC.99007004")
	}
	reseller := r.text("indirect_partner_id")
	if reseller != "" && r.ownReseller() == nil {
		return r.reject("CBC.5004", "CBC.99000037")
	}
	c := &customer{ID: r.state.next("c"), Name: name, Partner: r.account.DomainID, Reseller: reseller, Created: r.now}
	r.state.customers[c.ID] = c
	if r.v1() {
		return ok1(object{"domainId": c.ID, "domainName": name})
	}
	if r.config.CustomerIDs {
		return ok(object{"domain_id": c.ID, "domain_name": name})
	}
	return done()
}

func (r *request) nameTaken(name string) bool {
	for _, c := range r.state.customers {
		if strings.EqualFold(c.Name, name) {
			return true
		}
	}
	return false
}

func checkUser(r *request) *answer {
	result := "available"
	if r.nameTaken(r.text("search_value", "searchValue", "domainName")) {
		result = "used_by_user"
	}
	return r.either(object{"status": result}, object{"check_result": result})
}

func listResellers(r *request) *answer {
	rows := []object{}
	for _, other := range sorted(r.state.resellers) {
		if other.Partner == r.account.DomainID && matches(r.text("indirect_partner_id"), other.ID) {
			rows = append(rows, object{
				"indirect_partner_id": other.ID, "account_name": "reseller " + other.ID, "name": "reseller " + other.ID, "associated_on": stamp(r.state.start),
			})
		}
	}
	return ok(object{"count": len(rows), "indirect_partners": page(r, rows)})
}

// setFrozen freezes all or none: one customer out of scope refuses the whole call.
func setFrozen(frozen bool) handler {
	return func(r *request) *answer {
		var customers []*customer
		for _, id := range r.list("customer_ids", "customerIds") {
			c := r.state.customerOf(r.account, id)
			if c == nil {
				return r.reject("CBC.5004", "CBC.99000047")
			}
			customers = append(customers, c)
		}
		if len(customers) == 0 {
			return r.reject("CBC.0100", "CBC.0101")
		}
		for _, c := range customers {
			c.Frozen = frozen
		}
		return r.accept(nil)
	}
}

func setBudget(r *request) *answer {
	c := r.state.customerOf(r.account, r.text("customer_id", "customerId"))
	if c == nil {
		return r.reject("CBC.5004", "CBC.99000047")
	}
	amount, valid := r.amount("budget_amount", "adjustment_amount", "adjustmentAmount", "amount")
	if !valid {
		return r.reject("CBC.0100", "CBC.0101")
	}
	c.Budget = amount
	return r.accept(nil)
}

func showBudget(r *request) *answer {
	c := r.state.customerOf(r.account, r.text("customer_id", "customerId"))
	if c == nil {
		return r.reject("CBC.5004", "CBC.99000047")
	}
	return r.accept(object{"budget_amount": c.Budget, "used_amount": cents(0), "measure_id": 1, "currency": r.state.currency})
}

func listBudgets(r *request) *answer {
	rows := []object{}
	for _, id := range r.list("customer_ids") {
		if c := r.state.customerOf(r.account, id); c != nil {
			rows = append(rows, object{"customer_id": id, "budget_amount": c.Budget, "used_amount": cents(0)})
		}
	}
	if len(rows) == 0 {
		return fail(http.StatusBadRequest, "CBC.99000047")
	}
	return ok(object{"budget_infos": rows, "measure_id": 1, "currency": r.state.currency})
}
