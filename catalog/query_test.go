package catalog

import "testing"

func TestKnowsQuery(t *testing.T) {
	for name, want := range map[string]bool{
		"order_id": true, "orderId": true, "customer_id": true, "limit": true, "trade_time_begin": true, "tradeTimeBegin": true, "quota_ids[]": true,
		"": false, "x": false, "Order_id": false, "pass": false, "otp": false, "code": false, "jwt": false, "key": false, "sig": false, "password": false, "token": false,
	} {
		if got := KnowsQuery(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestDeclareSensitive(t *testing.T) {
	d := good()
	d.Sensitive = true
	if o, err := Declare(d); err != nil || !o.Sensitive || o.RecordQuery {
		t.Errorf("%+v, %v", o, err)
	}
	d.RecordQuery = true
	if _, err := Declare(d); err == nil {
		t.Error("a sensitive endpoint whose queries are recorded")
	}
	d.Sensitive = false
	if o, err := Declare(d); err != nil || !o.RecordQuery {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestRecorded(t *testing.T) {
	texts := map[string]bool{}
	for _, o := range []Operation{{}, {Sensitive: true}, {RecordQuery: true}, {Site: "cn"}, {Site: "cn", Sensitive: true}} {
		texts[o.Recorded()] = true
	}
	if len(texts) != 5 {
		t.Errorf("%v", texts)
	}
}
