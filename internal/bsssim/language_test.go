package bsssim

import "testing"

// TestLanguage: messages, also of failed parts, and names come in the language that is asked for, else in Chinese.
func TestLanguage(t *testing.T) {
	w := newWorld(t, Config{})
	for language, want := range map[string]words{
		"": {zh: "订单不存在。"}, "zh_CN": {zh: "订单不存在。"}, "en_US": {zh: "The order does not exist."}, "fr_FR": {zh: "订单不存在。"},
	} {
		r := w.request(customerAK, "POST", "/v3/orders/customer-orders/pay", `{"order_id":"CS-0"}`)
		r.Header.Set("X-Language", language)
		check(t, language, w.do(r).body["error_msg"], any(want.zh))
	}
	names := map[string]string{"": "云硬盘", "en_US": "Elastic Volume Service"}
	parts := map[string]string{"": "参数无效。", "en_US": "The parameter is invalid."}
	for language := range names {
		r := w.request(customerAK, "GET", "/v2/products/service-types", "")
		r.Header.Set("X-Language", language)
		check(t, "name", member(list(w.do(r), "service_types")[0], "service_type_name"), names[language])
		r = w.request(customerAK, "POST", "/v2/orders/subscriptions/resources/unsubscribe", `{"resource_ids":["no"],"unsubscribe_type":1}`)
		r.Header.Set("X-Language", language)
		check(t, "part", member(list(w.do(r), "fail_resource_infos")[0], "error_msg"), parts[language])
	}
}

// TestMessages: each code has a text in both languages.
func TestMessages(t *testing.T) {
	for code, text := range messages {
		if text.zh == "" || text.en == "" || text.zh == text.en {
			t.Errorf("%s: %+v", code, text)
		}
	}
}
