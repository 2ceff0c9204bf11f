package oracle

import (
	"reflect"
	"strings"
	"testing"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/invoker"
	bss "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bss/v2"
	bssintl "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bssintl/v2"

	"tollgate/catalog"
)

// target is where an operation is found.
type target struct{ method, path string }

// documented are current operations that have a page and are in no SDK. When a release has one, it leaves this list.
var documented = map[string]map[string]target{
	"intl": {"ListResourceSpecsPrice": {"POST", "/v2/products/resource-specs-price/query"}},
}

// TestCatalogIsTheSDKs holds the catalog's current operations against those of the SDK, both ways.
func TestCatalogIsTheSDKs(t *testing.T) {
	for site, sdk := range map[string]struct {
		client any
		count  int
	}{
		"cn":   {bss.NewBssClient(nil), 91},
		"intl": {bssintl.NewBssintlClient(nil), 54},
	} {
		t.Run(site, func(t *testing.T) {
			want := sdkOperations(t, sdk.client)
			if len(want) != sdk.count {
				t.Errorf("the SDK has %d operations, of which the test finds %d", sdk.count, len(want))
			}
			for name, page := range documented[site] {
				if _, known := want[name]; known {
					t.Errorf("%s: the SDK has it", name)
				}
				want[name] = page
			}
			got := currentOperations(site)
			for _, name := range sorted(want) {
				if got[name] != want[name] {
					t.Errorf("%s: the catalog says %v, the SDK %v", name, got[name], want[name])
				}
			}
			for _, name := range sorted(got) {
				if _, known := want[name]; !known {
					t.Errorf("%s: the SDK has no such operation", name)
				}
			}
		})
	}
}

func currentOperations(site string) map[string]target {
	found := map[string]target{}
	for _, o := range catalog.Operations(site) {
		if !o.Deprecated {
			found[o.Name] = target{o.Method, o.Path}
		}
	}
	return found
}

// sdkOperations reads the metadata that the SDK's own invokers carry: each method XInvoker(*XRequest) returns one.
func sdkOperations(t *testing.T, client any) map[string]target {
	t.Helper()
	found := map[string]target{}
	v := reflect.ValueOf(client)
	for i := range v.NumMethod() {
		method := v.Type().Method(i)
		name, isInvoker := strings.CutSuffix(method.Name, "Invoker")
		if !isInvoker {
			continue
		}
		request := reflect.New(method.Type.In(1).Elem())
		made := v.Method(i).Call([]reflect.Value{request})[0].Interface()
		based, ok := made.(interface{ GetBaseInvoker() *invoker.BaseInvoker })
		if !ok {
			t.Fatalf("%s returns a %T, which has no metadata", method.Name, made)
		}
		api := based.GetBaseInvoker().Exchange.ApiReference
		found[name] = target{api.Method, api.Path}
	}
	return found
}
