package main

import (
	"fmt"
	"strings"
)

// What the proxies are called with and where: operations of the site cn.
const (
	readPath  = "/v2/accounts/customer-accounts/balances"           // ShowCustomerAccountBalances, effect read
	pricePath = "/v2/bills/ratings/period-resources/subscribe-rate" // ListRateOnPeriodDetail, effect read
	payPath   = "/v3/orders/customer-orders/pay"                    // PayOrders, effect spend
	readBody  = `{"project_id":"0a1b2c3d4e5f","product_infos":[` +  // what a price inquiry looks like
		`{"id":"1","cloud_service_type":"hws.service.type.ec2","resource_type":"hws.resource.type.vm",` +
		`"resource_spec":"s3.medium.4.linux","region":"cn-north-4","period_type":2,"period_num":1,"subscription_num":1}]`
	payBody = `{"order_id":"` + orderID + `","use_coupon":"NO","use_discount":"NO"`
	orderID = "CS000000000000000" // of which each call has another: an order is paid once
)

// request is a call in parts, for either protocol.
type request struct {
	method, path string
	body         []byte
}

// task is one kind of call.
type task struct {
	name    string // for -cases
	title   string // in the table
	http2   bool
	spend   bool
	size    int // of the body
	request request
}

// sizes of bodies, with their names.
var sizes = []struct {
	name  string
	bytes int
}{{"1k", 1 << 10}, {"64k", 64 << 10}, {"1m", 1 << 20}}

// tasks are all that can be measured, in the order of the table.
func tasks() []task {
	var all []task
	for _, h2 := range []bool{false, true} {
		all = append(all, newTask("get", h2, 0, request{"GET", readPath, nil}))
		for _, s := range sizes {
			all = append(all, newTask("post"+s.name, h2, s.bytes, request{"POST", pricePath, pad(readBody, s.bytes)}))
		}
	}
	for _, s := range sizes[:2] {
		all = append(all, newTask("pay"+s.name, false, s.bytes, request{"POST", payPath, pad(payBody, s.bytes)}))
	}
	return all
}

func newTask(name string, h2 bool, size int, r request) task {
	prefix, protocol := "h1-", "HTTP/1.1"
	if h2 {
		prefix, protocol = "h2-", "HTTP/2"
	}
	spend := r.path == payPath
	what := map[bool]string{false: r.method, true: "pay"}[spend]
	if size > 0 {
		what += " " + byteSize(size)
	}
	return task{prefix + name, protocol + " " + what, h2, spend, size, r}
}

func byteSize(n int) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%d MB", n>>20)
	}
	return fmt.Sprintf("%d KB", n>>10)
}

// pad closes a JSON object with a member that is not read, so that the whole has the size.
func pad(object string, size int) []byte {
	const before, after = `,"remark":"`, `"}`
	return []byte(object + before + strings.Repeat("x", size-len(object)-len(before)-len(after)) + after)
}

// chosen returns the tasks that a list names; parts of names will do ("h1", "get").
func chosen(list string) ([]task, error) {
	var some []task
	for _, t := range tasks() {
		if matches(t.name, list) {
			some = append(some, t)
		}
	}
	if len(some) == 0 {
		return nil, fmt.Errorf("no case is called like %q", list)
	}
	return some, nil
}

// matches reports whether a name holds a word of a list; all names match the empty list.
func matches(name, list string) bool {
	if list == "" {
		return true
	}
	for word := range strings.SplitSeq(list, ",") {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
