package bsssim

import (
	"net/http"
	"slices"
)

// ownQuota returns a quota that the account has for itself; those granted to resellers are not.
func (r *request) ownQuota(id string) *quota {
	q := r.state.quotas[id]
	if q == nil || q.Partner != r.account.DomainID || q.Reseller != "" {
		return nil
	}
	return q
}

// grantQuota moves quota_amount out of a quota to each reseller named.
func grantQuota(r *request) *answer {
	parent := r.ownQuota(r.text("quota_id"))
	amount, valid := r.amount("quota_amount")
	ids := r.list("indirect_partner_ids")
	if parent == nil || !valid || len(ids) == 0 || len(ids) > 100 {
		return fail(http.StatusBadRequest, "CBC.0101")
	}
	granted, bad := []object{}, []failure{}
	for i, id := range ids {
		other := r.state.resellers[id]
		switch {
		case other == nil || other.Partner != r.account.DomainID:
			bad = append(bad, failure{id, "CBC.99000037"})
		case parent.Balance < amount || r.partial && i == len(ids)-1:
			bad = append(bad, failure{id, "CBC.99007004"})
		default:
			q := &quota{ID: r.state.next("Q"), Partner: r.account.DomainID, Reseller: id, Parent: parent.ID, Value: amount, Balance: amount}
			r.state.quotas[q.ID] = q
			parent.Balance -= amount
			r.quotaMoved(q, "ISSUE", amount)
			granted = append(granted, object{"id": id, "quota_id": q.ID})
		}
	}
	return ok(object{"error_details": failures("id", bad), "simple_quota_infos": granted})
}

// reclaimQuotas takes what is left of granted quotas back.
func reclaimQuotas(r *request) *answer {
	ids := r.list("quota_ids")
	if len(ids) == 0 || len(ids) > 10 {
		return fail(http.StatusBadRequest, "CBC.0101")
	}
	taken, bad := []object{}, []failure{}
	for i, id := range ids {
		q := r.state.quotas[id]
		if q == nil || q.Partner != r.account.DomainID || q.Reseller == "" || r.partial && i == len(ids)-1 {
			bad = append(bad, failure{id, "CBC.99007004"})
			continue
		}
		delete(r.state.quotas, id)
		r.state.quotas[q.Parent].Balance += q.Balance
		r.quotaMoved(q, "RECLAIM", q.Balance)
		taken = append(taken, object{"quota_id": id, "quota_balance": q.Balance})
	}
	return ok(object{"error_details": failures("id", bad), "simple_quota_infos": taken})
}

func (r *request) quotaMoved(q *quota, kind string, amount cents) {
	r.state.quotaLog = append(r.state.quotaLog, quotaRecord{q.Partner, q.Reseller, q.ID, q.Parent, kind, amount, r.now})
}

func (r *request) quotaRow(q *quota) object {
	row := object{
		"quota_id": q.ID, "quota_type": 0, "create_time": stamp(r.state.start), "quota_value": q.Value, "quota_status": 0, "balance": q.Balance,
		"measure_id": 1, "currency": r.state.currency, "effective_time": stamp(r.state.start), "limit_infos": []any{},
	}
	if q.Reseller != "" {
		row["indirect_partner_id"], row["parent_quota_id"] = q.Reseller, q.Parent
	}
	return row
}

func (r *request) quotaRows(granted bool) *answer {
	rows := []object{}
	wanted := r.list("quota_ids")
	for _, q := range sorted(r.state.quotas) {
		if q.Partner == r.account.DomainID && (q.Reseller != "") == granted && matches(r.text("indirect_partner_id"), q.Reseller) &&
			(len(wanted) == 0 || slices.Contains(wanted, q.ID)) {
			rows = append(rows, r.quotaRow(q))
		}
	}
	return ok(object{"total_count": len(rows), "quotas": page(r, rows)})
}

func listQuotas(r *request) *answer  { return r.quotaRows(r.text("indirect_partner_id") != "") }
func listGranted(r *request) *answer { return r.quotaRows(true) }

func listQuotaRecords(r *request) *answer {
	rows := []object{}
	for _, q := range slices.Backward(r.state.quotaLog) {
		if q.Partner == r.account.DomainID && matches(r.text("indirect_partner_id"), q.Reseller) && matches(r.text("quota_id"), q.Quota) {
			rows = append(rows, object{
				"operation_type": q.Kind, "quota_id": q.Quota, "parent_quota_id": q.Parent, "amount": q.Amount, "operation_time": stamp(q.Time),
				"result": "0", "indirect_partner_id": q.Reseller,
			})
		}
	}
	return ok(object{"total_count": len(rows), "records": page(r, rows)})
}
