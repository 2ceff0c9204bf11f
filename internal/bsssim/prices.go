package bsssim

import (
	"net/http"
	"strconv"
)

// The toy price list: a month of anything costs 30.00, an hour 0.50.
const (
	monthPrice cents = 30_00
	hourPrice  cents = 50
)

// priced makes a row of each of the product_infos, with its price, and sums the prices up; false unless each has the four keys that a
// price needs.
func (r *request) priced(price func(product map[string]any) cents) (rows []object, total cents, valid bool) {
	products, _ := r.body["product_infos"].([]any)
	for _, value := range products {
		product, _ := value.(map[string]any)
		for _, key := range []string{"cloud_service_type", "resource_type", "resource_spec", "region"} {
			if scalar(product[key]) == "" {
				return nil, 0, false
			}
		}
		amount := price(product)
		total += amount
		rows = append(rows, object{"id": scalar(product["id"]), "product_id": "simulated-product", "official_website_amount": amount, "measure_id": 1})
	}
	return rows, total, len(rows) > 0 && len(rows) <= 100
}

// count reads a small positive number, 1 if there is none.
func count(value any) cents {
	n, err := strconv.Atoi(scalar(value))
	if err != nil || n < 1 || n > 1000 {
		return 1
	}
	return cents(n)
}

func periodPrice(r *request) *answer {
	rows, total, valid := r.priced(func(p map[string]any) cents {
		months := count(p["period_num"])
		if scalar(p["period_type"]) == "3" { // years
			months *= 12
		}
		return monthPrice * months * count(p["subscription_num"])
	})
	if !valid {
		return fail(http.StatusBadRequest, "CBC.0101")
	}
	return ok(object{
		"official_website_rating_result":   object{"official_website_amount": total, "measure_id": 1, "product_rating_results": rows},
		"optional_discount_rating_results": []any{}, "currency": r.state.currency,
	})
}

func renewalPrice(r *request) *answer {
	ids := r.list("resource_ids")
	if len(ids) == 0 || len(ids) > 10 {
		return fail(http.StatusBadRequest, "CBC.0101")
	}
	months := count(r.body["period_num"])
	if r.text("period_type") == "3" {
		months *= 12
	}
	good, bad := r.split(ids)
	var total cents
	rows := []object{}
	for _, res := range good {
		total += res.Monthly * months
		rows = append(rows, object{"resource_id": res.ID, "amount": (res.Monthly * months).String()})
	}
	return ok(object{
		"currency": r.state.currency, "renew_inquiry_results": rows, "fail_resource_infos": failures("resource_id", bad),
		"official_website_rating_result":   object{"official_website_amount": total.String()},
		"optional_discount_rating_results": []any{},
	})
}

func onDemandPrice(r *request) *answer {
	rows, total, valid := r.priced(func(p map[string]any) cents {
		return hourPrice * count(p["usage_value"]) * count(p["subscription_num"])
	})
	if !valid {
		return fail(http.StatusBadRequest, "CBC.0101")
	}
	for _, row := range rows {
		row["amount"], row["discount_amount"], row["discount_rating_results"] = row["official_website_amount"], cents(0), []any{}
	}
	return ok(object{
		"amount": total, "discount_amount": cents(0), "official_website_amount": total, "measure_id": 1, "currency": r.state.currency,
		"product_rating_results": rows,
	})
}

func listServiceTypes(r *request) *answer {
	rows := []object{
		{"service_type_code": "hws.service.type.ebs", "service_type_name": volumeName, "abbreviation": "EVS"},
		{"service_type_code": "hws.service.type.ec2", "service_type_name": serverName, "abbreviation": "ECS"},
	}
	return ok(object{"total_count": len(rows), "service_types": page(r, rows)})
}
