package oracle

import (
	"reflect"
	"strings"
	"testing"

	bss "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bss/v2"
	bssintl "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bssintl/v2"

	"tollgate/catalog"
)

// TestActsAreTheSDKs: what acts are made of stands where the SDK's requests have it, and what may be missing is what they may leave out.
func TestActsAreTheSDKs(t *testing.T) {
	acts := 0
	for site, client := range map[string]any{"cn": bss.NewBssClient(nil), "intl": bssintl.NewBssintlClient(nil)} {
		for _, o := range catalog.Operations(site) {
			method, known := reflect.TypeOf(client).MethodByName(o.Name)
			if o.Act == nil || !known {
				continue
			}
			acts++
			request := method.Type.In(1).Elem()
			if body, has := request.FieldByName("Body"); has {
				request = body.Type.Elem()
			}
			for _, p := range o.Act.Parts {
				optional, found := member(method.Type.In(1).Elem(), request, p.Fields[0])
				if !found || optional && !p.Optional && p.Default == "" {
					t.Errorf("%s %s: the SDK's request has %s: %v, and may leave it out: %v", site, o.Name, p.Fields[0], found, optional)
				}
			}
		}
	}
	if acts != 22 {
		t.Errorf("%d operations of the SDK have an act", acts)
	}
}

// member looks for a field of a request, in its path or its body, and reports whether it may be left out.
func member(path, body reflect.Type, name string) (optional, found bool) {
	for _, model := range []reflect.Type{path, body} {
		for i := range model.NumField() {
			is, options, _ := strings.Cut(model.Field(i).Tag.Get("json"), ",")
			if is != strings.TrimSuffix(name, "[]") {
				continue
			}
			list := model.Field(i).Type.Kind() == reflect.Slice
			return strings.Contains(options, "omitempty"), list == strings.HasSuffix(name, "[]")
		}
	}
	return false, false
}
