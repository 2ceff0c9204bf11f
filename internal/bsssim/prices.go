package bsssim

import (
	"net/http"
	"strconv"
)

func priceHandlers() map[string]handler {
	return map[string]handler{
		"ListRateOnPeriodDetail": periodPrice, "ListRenewRateOnPeriod": renewalPrice, "ListOnDemandResourceRatings": onDemandPrice,
		"ListServiceTypes": listServiceTypes,
	}
}

// The toy price list: a month of anything costs 30.00, an hour 0.50.
const (
	monthPrice cents = 30_00
	hourPrice  cents = 50
)

// products gives the product_infos of a price query, false unless each has the four keys that a price needs.
func (r *request) products() ([]map[string]any, bool) {
	values, _ := r.body["product_infos"].([]any)
	var products []map[string]any
	for _, value := range values {
		product, isObject := value.(map[string]any)
		if !isObject {
			return nil, false
		}
		for _, key := range []string{"cloud_service_type", "resource_type", "resource_spec", "region"} {
			if scalar(product[key]) == "" {
				return nil, false
			}
		}
		products = append(products, product)
	}
	return products, len(products) > 0 && len(products) <= 100
}

// count reads a small positive number, 1 if there is none.
func count(value any) cents {
	n, err := strconv.Atoi(scalar(value))
	if err != nil || n < 1 || n > 1000 {
		return 1
	}
	return cents(n)
}

func periodPrice(r *request) answer {
	products, valid := r.products()
	if !valid {
		return fail(http.StatusBadRequest, "CBC.0101")
	}
	var total cents
	rows := []object{}
	for _, p := range products {
		price := monthPrice * count(p["period_num"]) * count(p["subscription_num"])
		if scalar(p["period_type"]) == "3" { // years
			price *= 12
		}
		total += price
		rows = append(rows, object{"id": scalar(p["id"]), "product_id": "simulated-product", "official_website_amount": price, "measure_id": 1})
	}
	return ok(object{
		"official_website_rating_result":   object{"official_website_amount": total, "measure_id": 1, "product_rating_results": rows},
		"optional_discount_rating_results": []any{}, "currency": r.state.currency,
	})
}

func renewalPrice(r *request) answer {
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
		"currency": r.state.currency, "renew_inquiry_results": rows, "fail_resource_infos": resourceFailures(bad),
		"official_website_rating_result":   object{"official_website_amount": total.String()},
		"optional_discount_rating_results": []any{},
	})
}

func onDemandPrice(r *request) answer {
	products, valid := r.products()
	if !valid {
		return fail(http.StatusBadRequest, "CBC.0101")
	}
	var total cents
	rows := []object{}
	for _, p := range products {
		price := hourPrice * count(p["usage_value"]) * count(p["subscription_num"])
		total += price
		rows = append(rows, object{
			"id": scalar(p["id"]), "product_id": "simulated-product", "amount": price, "discount_amount": cents(0),
			"official_website_amount": price, "measure_id": 1, "discount_rating_results": []any{},
		})
	}
	return ok(object{
		"amount": total, "discount_amount": cents(0), "official_website_amount": total, "measure_id": 1, "currency": r.state.currency,
		"product_rating_results": rows,
	})
}

func listServiceTypes(r *request) answer {
	rows := []object{
		{"service_type_code": "hws.service.type.ebs", "service_type_name": "Elastic Volume Service", "abbreviation": "EVS"},
		{"service_type_code": "hws.service.type.ec2", "service_type_name": "Elastic Cloud Server", "abbreviation": "ECS"},
	}
	return ok(object{"total_count": len(rows), "service_types": page(r, rows)})
}
