package acts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tollgate/bss"
	"tollgate/catalog"
)

// FuzzRead holds the keys of a call against another reading of its body, by encoding/json, and asks for the same act twice.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"", "{}", `{"order_id":"CS1"}`, `{"orderId":"CS1","order_id":7}`, `{"order_id":1e3}`, `{"Order_Id":"CS1"}`, `{"order_id":"CS1","order_id":"CS2"}`,
		`{"quota_id":"Q","customer_ids":["C1","c1"],"face_value":100}`, `{"quota_id":"Q","customer_ids":["C1",2,null],"face_value":"1e-4"}`,
		`{"customer_id":"C1","amount":99.90,"measure_id":"3","currency":"cny"}`, `{"customer_id":"C1","amount":-0}`, `{"customer_id":"C1","amount":0.00001}`,
		`{"customer_id":"C1","amount":9e13}`, `{"customer_id":"C1","amount":"+.5","measure_id":2}`, "{\"order_id\":\"\u212a\"}",
		`{"customerId":"C1","customer_id":"C2","adjustmentAmount":1,"amount":"1.0"}`, `{"resource_ids":["a"],"resourceIds":["A","b"],"isAutoPay":0}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, of := range fuzzed {
			op := catalog.Find(of.site, of.operation)
			request, err := bss.ReadRequest(op, nil, nil, body)
			if err != nil {
				continue // it is refused before
			}
			var canonical, again []string
			a, err := Read(op, "bss", &request, texts(&canonical))
			b, errAgain := Read(op, "bss", &request, texts(&again))
			if !reflect.DeepEqual(a, b) || !reflect.DeepEqual(err, errAgain) || !slices.Equal(canonical, again) {
				t.Fatalf("%s: %+v, %v; %+v, %v", of.operation, a, err, b, errAgain)
			}
			if err != nil && !errors.As(err, new(*Error)) {
				t.Fatalf("error of type %T", err)
			}
			if err == nil {
				compare(t, of, a, canonical, body)
			}
		}
	})
}

// other is how another reader finds the keys of an operation.
type other struct {
	site, operation string
	keys            func(m *members) []string
}

var fuzzed = []other{
	{"cn", "PayOrders", func(m *members) []string { return m.each("order_id") }},
	{"cn", "orderPay", func(m *members) []string { return m.each("order_id", m.ids("order_id", "orderId")...) }},
	{"cn", "orderRenewByResourceId", func(m *members) []string { return m.each("resource_id", m.ids("resource_ids", "resourceIds")...) }},
	{"cn", "oldAdjustAmount", func(m *members) []string {
		return join(m.each("customer_id"), "amount "+m.amount(m.scale("measure_id"), "amount"))
	}},
	{"cn", "CreatePartnerCoupons", func(m *members) []string {
		return join(m.each("customer_id", m.ids("customer_ids")...), "quota_id "+m.ids("quota_id")[0]+"; face_value "+m.amount(1, "face_value"))
	}},
	{"intl", "setCredit", func(m *members) []string {
		customers := m.each("customer_id", m.ids("customer_id", "customerId")...)
		amount := m.amount(m.scale("measure_id", "measureId"), "amount", "adjustment_amount", "adjustmentAmount")
		return append(slices.Clone(customers), join(customers, "amount "+amount)...)
	}},
}

// compare holds keys against those of another reader, in any order.
func compare(t *testing.T, of other, a *Act, canonical []string, body []byte) {
	t.Helper()
	m := readMembers(t, body)
	want := of.keys(m)
	for i := range want {
		want[i] = "act " + a.Name + "; site " + of.site + "; " + want[i]
	}
	got := slices.Clone(canonical)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, another reader has %q of %q", of.operation, got, want, body)
	}
	if len(canonical) == 0 || len(canonical) > maxKeys || len(slices.Compact(got)) != len(canonical) {
		t.Errorf("%s: keys %q", of.operation, canonical)
	}
	if a.Amount != nil && *a.Amount < 0 {
		t.Errorf("%s: %d", of.operation, *a.Amount)
	}
}

// members are those of a body that the operations above know, as encoding/json reads them: without regard to case, and the last of several.
type members struct {
	OrderID          any `json:"order_id"`
	OrderID1         any `json:"orderId"`
	CustomerID       any `json:"customer_id"`
	CustomerID1      any `json:"customerId"`
	CustomerIDs      any `json:"customer_ids"`
	ResourceIDs      any `json:"resource_ids"`
	ResourceIDs1     any `json:"resourceIds"`
	QuotaID          any `json:"quota_id"`
	Amount           any `json:"amount"`
	AdjustmentAmount any `json:"adjustment_amount"`
	Adjustment1      any `json:"adjustmentAmount"`
	FaceValue        any `json:"face_value"`
	MeasureID        any `json:"measure_id"`
	MeasureID1       any `json:"measureId"`
}

func readMembers(t *testing.T, body []byte) *members {
	t.Helper()
	var m members
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&m); err != nil {
		t.Fatalf("accepted %q, but encoding/json says %v", body, err)
	}
	return &m
}

// texts returns what stands under some names, lists by their elements.
func (m *members) texts(names ...string) (all []string) {
	of := reflect.TypeOf(*m)
	for i := range of.NumField() {
		if !slices.Contains(names, of.Field(i).Tag.Get("json")) {
			continue
		}
		switch value := reflect.ValueOf(*m).Field(i).Interface().(type) {
		case nil:
		case []any:
			for _, element := range value {
				if element != nil {
					all = append(all, fmt.Sprint(element))
				}
			}
		default:
			all = append(all, fmt.Sprint(value))
		}
	}
	return all
}

// ids returns each id once.
func (m *members) ids(names ...string) (ids []string) {
	for _, text := range m.texts(names...) {
		if id := strings.ToLower(text); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// each returns a key for each id; without ids, those of the member of that name.
func (m *members) each(name string, ids ...string) (keys []string) {
	if ids == nil {
		ids = m.ids(name)
	}
	for _, id := range ids {
		keys = append(keys, name+" "+id)
	}
	return keys
}

// scale returns how many of an amount's unit are one of the currency's main unit.
func (m *members) scale(names ...string) int64 {
	for _, text := range m.texts(names...) {
		return map[string]int64{"1": 1, "2": 10, "3": 100}[text]
	}
	return 1
}

func (m *members) amount(scale int64, names ...string) string {
	value, ok := new(big.Rat).SetString(m.texts(names...)[0])
	if !ok {
		return "none"
	}
	value.Mul(value, big.NewRat(10000, scale))
	return value.RatString()
}

func join(keys []string, more string) []string {
	joined := make([]string, len(keys))
	for i, key := range keys {
		joined[i] = key + "; " + more
	}
	return joined
}

// FuzzFailed: an answer never frees a key but those whose items it names as failed, and names once.
func FuzzFailed(f *testing.F) {
	for _, seed := range []string{
		"", "{}", `{"fail_resource_infos":[{"resource_id":"A"}]}`, `{"fail_resource_infos":[{"resource_id":"a","resource_id":"b"}]}`,
		`{"fail_resource_infos":[{"resource_id":"a"},{"resource_id":"x"}]}`, `{"error_details":[{"id":"c"}],"Fail_Resource_Infos":[]}`,
		`{"to_ondemand_service_results":[{"resource_id":"a","result":"SUCCESS"},{"resource_id":"b","result":"FAIL","error_code":"CBC.1"}]}`,
		`{"fail_resource_infos":[{"resource_id":"a"},{}]}`, `{"fail_resource_infos":["a"]}`, `{"fail_resource_infos":[{"resource_id":"b"}],"error_details":[{"id":"b"}]}`,
	} {
		f.Add([]byte(seed))
	}
	op := catalog.Find("cn", "RenewalResources")
	request, err := bss.ReadRequest(op, nil, nil, []byte(`{"resource_ids":["a","b","c"]}`))
	if err != nil {
		f.Fatal(err)
	}
	a, err := Read(op, "bss", &request, hash)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		outcome := bss.ReadAnswer(op, request.Fields, 200, "application/json", answer)
		keys, ok := a.Failed(outcome.Failed)
		if !ok {
			if keys != nil {
				t.Errorf("keys %v of %q", keys, answer)
			}
			return
		}
		var theirs struct {
			Infos   []map[string]any `json:"fail_resource_infos"`
			Details []map[string]any `json:"error_details"`
			Results []map[string]any `json:"to_ondemand_service_results"`
		}
		decoder := json.NewDecoder(bytes.NewReader(answer))
		decoder.UseNumber()
		if err := decoder.Decode(&theirs); err != nil {
			t.Fatalf("read %q, but encoding/json says %v", answer, err)
		}
		var want []int
		for i, id := range []string{"a", "b", "c"} {
			if named(theirs.Infos, "resource_id", id)+named(theirs.Details, "id", id)+named(failing(theirs.Results), "resource_id", id) == 1 {
				want = append(want, i)
			}
		}
		if !slices.Equal(keys, want) {
			t.Errorf("keys %v, another reader has %v of %q", keys, want, answer)
		}
	})
}

func named(items []map[string]any, name, id string) (n int) {
	for _, item := range items {
		if item[name] != nil && strings.ToLower(fmt.Sprint(item[name])) == id {
			n++
		}
	}
	return n
}

// failing returns the items that say of themselves that they failed.
func failing(items []map[string]any) (failed []map[string]any) {
	for _, item := range items {
		result, code := "", ""
		if item["result"] != nil {
			result = strings.ToUpper(fmt.Sprint(item["result"]))
		}
		if item["error_code"] != nil {
			code = fmt.Sprint(item["error_code"])
		}
		if result != "" && result != "SUCCESS" && result != "AUDIT" || code != "" && code != "CBC.0000" {
			failed = append(failed, item)
		}
	}
	return failed
}
