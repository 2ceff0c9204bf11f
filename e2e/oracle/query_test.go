package oracle

import (
	"reflect"
	"testing"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/def"
	bss "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bss/v2"
	bssintl "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bssintl/v2"

	"tollgate/catalog"
)

// TestQueryNamesAreTheSDKs: all that the SDK puts into a query of a current operation is recorded as text.
func TestQueryNamesAreTheSDKs(t *testing.T) {
	names := 0
	for site, client := range map[string]any{"cn": bss.NewBssClient(nil), "intl": bssintl.NewBssintlClient(nil)} {
		for _, o := range catalog.Operations(site) {
			invoker := reflect.ValueOf(client).MethodByName(o.Name + "Invoker")
			if !invoker.IsValid() {
				continue
			}
			made := invoker.Call([]reflect.Value{reflect.New(invoker.Type().In(0).Elem())})[0]
			fields := made.Elem().FieldByName("meta").Elem().FieldByName("RequestFields")
			for i := range fields.Len() {
				field := fields.Index(i).Elem()
				if !field.FieldByName("LocationType").Equal(reflect.ValueOf(def.Query)) {
					continue
				}
				names++
				if name := field.FieldByName("JsonTag").String(); !catalog.KnowsQuery(name) {
					t.Errorf("%s %s: %s", site, o.Name, name)
				}
			}
		}
	}
	if names < 200 {
		t.Errorf("only %d names", names)
	}
}
