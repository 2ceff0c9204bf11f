package bss

import (
	"reflect"
	"testing"
)

// TestBodiesAreNotKept: bodies hold passwords. What was recorded must not be a part of the body, which its owner uses
// again, and readers must go back to their pool with nothing in them.
func TestBodiesAreNotKept(t *testing.T) {
	body := []byte(`{"customer_id":"c-17","amount":1,"resource_ids":["a","b"],"coupon_infos":[{"id":"\u0041"}],"\u0061":{"s3cr3t":0}}`)
	r := newRequestReader(spend())
	if err := r.read(nil, nil, body); err != nil {
		t.Fatal(err)
	}
	fields, accounts := r.found.values(true), r.accounts
	r.release()
	clear(body)
	if want := "customer_id=c-17 amount=1 resource_ids[]=a,b coupon_infos[].id=A"; show(fields) != want || accounts.Customers[0] != "c-17" {
		t.Errorf("%s, %q, want %s", show(fields), accounts.Customers, want)
	}
	if !reflect.DeepEqual(r, new(requestReader)) {
		t.Errorf("kept %+v", r)
	}

	body = []byte(`{"error_code":"CBC.1","transfer_id":"t\n1","fail_resource_infos":[{"resource_id":7}],"x":"s3cr3t"}`)
	a := newAnswerReader(v2(), nil)
	if !a.read(body) {
		t.Fatal("not read")
	}
	fields = a.found.values(true)
	code := a.code
	a.release()
	clear(body)
	if want := "transfer_id=t\n1 fail_resource_infos[].resource_id=7"; show(fields) != want || code != "CBC.1" {
		t.Errorf("%s, %s, want %s", show(fields), code, want)
	}
	if !reflect.DeepEqual(a, new(answerReader)) {
		t.Errorf("kept %+v", a)
	}
}

// TestAllocations: both are on the way of every call.
func TestAllocations(t *testing.T) {
	op, body := spend(), []byte(`{"order_id":"CS2401010000AAAAA","customer_id":"c-17","amount":"99.90","coupon_infos":[{"id":"CP1","type":300}]}`)
	if n := testing.AllocsPerRun(100, func() { _, _ = ReadRequest(op, nil, nil, body) }); n > 8 {
		t.Errorf("ReadRequest: %v allocations", n)
	}
	op, body = v2(), []byte(`{"order_ids":["CS1","CS2"],"fail_resource_infos":[{"resource_id":"r1"}]}`)
	if n := testing.AllocsPerRun(100, func() { _ = ReadAnswer(op, nil, 200, "application/json", body) }); n > 7 {
		t.Errorf("ReadAnswer: %v allocations", n)
	}
}
