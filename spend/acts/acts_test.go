package acts

import (
	"crypto/sha256"
	"errors"
	"iter"
	"net/url"
	"strings"
	"testing"

	"tollgate/bss"
	"tollgate/catalog"
)

// hash stands in for a keyed hash.
func hash(text string) [16]byte {
	sum := sha256.Sum256([]byte(text))
	return [16]byte(sum[:16])
}

// texts collects the canonical texts that are hashed.
func texts(into *[]string) Hash {
	return func(text string) [16]byte {
		*into = append(*into, strings.ReplaceAll(text, "\n", "; "))
		return hash(text)
	}
}

// asks is a request.
type asks struct{ site, operation, path, query, body string }

func (a asks) read(t testing.TB) (*catalog.Operation, *bss.Request, error) {
	t.Helper()
	op := catalog.Find(a.site, a.operation)
	if op == nil {
		t.Fatalf("no operation %s of %s", a.operation, a.site)
	}
	params := func(name string) string {
		if value, ok := strings.CutPrefix(a.path, name+"="); ok {
			return value
		}
		return ""
	}
	request, err := bss.ReadRequest(op, params, pairs(a.query), []byte(a.body))
	return op, &request, err
}

// pairs reads "a=1&b=2".
func pairs(query string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for pair := range strings.SplitSeq(query, "&") {
			name, value, _ := strings.Cut(pair, "=")
			value, _ = url.QueryUnescape(value)
			if pair != "" && !yield(name, value) {
				return
			}
		}
	}
}

func TestPay(t *testing.T) {
	for _, call := range []asks{
		{"cn", "PayOrders", "", "", `{"order_id":"CS1","use_coupon":"NO"}`},
		{"cn", "PayOrders", "", "", `{"order_id":"cs1"}`},
		{"cn", "oldPayOrderV2", "", "", `{"order_id":"CS1"}`},
		{"cn", "orderPay", "", "", `{"orderId":"CS1"}`},
		{"cn", "orderPay", "", "", `{"order_id":"CS1","orderId":"cs1"}`},
	} {
		op, request, err := call.read(t)
		if err != nil {
			t.Fatal(err)
		}
		var canonical []string
		a, err := Read(op, "bss", request, texts(&canonical))
		if err != nil || len(a.Keys) != 1 || canonical[0] != "act pay; site cn; order_id cs1" || !a.Pays || a.PriceFrom != catalog.PriceOrder {
			t.Errorf("%s %s: %+v, %q, %v", call.operation, call.body, a, canonical, err)
		}
	}
	op, request, _ := asks{"cn", "PayOrders", "", "", `{}`}.read(t)
	if _, err := Read(op, "bss", request, hash); !errors.As(err, new(*Error)) {
		t.Errorf("no order: %v", err)
	}
}
