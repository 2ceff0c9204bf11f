package oracle

import (
	"reflect"
	"strings"
	"testing"

	bss "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bss/v2"
	bssintl "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bssintl/v2"

	"tollgate/catalog"
)

// undocumented is the one name that no model has. It is looked for all the same: were the price of a renewal in another unit, it would be taken
// for less than it is.
const undocumented = "official_website_rating_result.measure_id"

// TestAnswersOfReadsAreTheSDKs: what is recorded of the answers of reads has the names and places that the SDK's models have.
func TestAnswersOfReadsAreTheSDKs(t *testing.T) {
	amounts := 0
	for site, client := range map[string]any{"cn": bss.NewBssClient(nil), "intl": bssintl.NewBssintlClient(nil)} {
		for _, o := range catalog.Operations(site) {
			if o.Deprecated || o.Effect != catalog.Read {
				continue
			}
			method, known := reflect.TypeOf(client).MethodByName(o.Name)
			for _, field := range o.Answer {
				if field.Name == undocumented {
					continue
				}
				if !known || !hasMember(method.Type.Out(0), strings.Split(field.Name, ".")) {
					t.Errorf("%s %s: the SDK's answer has no %s", site, o.Name, field.Name)
				}
				if field.Kind == catalog.FieldAmount {
					amounts++
				}
			}
		}
	}
	if amounts == 0 {
		t.Error("no read states an amount")
	}
}

// TestItemListsOfReadsAreTheSDKs: the answers of reads that list failed items inside a 200 are those whose models have such a list.
func TestItemListsOfReadsAreTheSDKs(t *testing.T) {
	for site, client := range map[string]any{"cn": bss.NewBssClient(nil), "intl": bssintl.NewBssintlClient(nil)} {
		for _, o := range catalog.Operations(site) {
			method, known := reflect.TypeOf(client).MethodByName(o.Name)
			if !known || o.Effect != catalog.Read {
				continue
			}
			if has := hasItemList(method.Type.Out(0).Elem()); has != o.ItemList {
				t.Errorf("%s %s: a list of failed items in the SDK's answer: %v, in the catalog: %v", site, o.Name, has, o.ItemList)
			}
		}
	}
}

// hasItemList reports whether a model has one of the lists by which package bss knows that items have failed.
func hasItemList(model reflect.Type) bool {
	for i := range model.NumField() {
		switch name, _, _ := strings.Cut(model.Field(i).Tag.Get("json"), ","); name {
		case "error_details", "fail_resource_infos", "to_ondemand_service_results":
			return true
		}
	}
	return false
}

// hasMember follows a path through a model's JSON names; "[]" behind a name says that it is a list.
func hasMember(model reflect.Type, path []string) bool {
	for model.Kind() == reflect.Pointer {
		model = model.Elem()
	}
	if len(path) == 0 {
		return model.Kind() != reflect.Slice && (model.Kind() != reflect.Struct || model.Name() == "Decimal")
	}
	if model.Kind() != reflect.Struct {
		return false
	}
	want, isList := strings.CutSuffix(path[0], "[]")
	for i := range model.NumField() {
		field := model.Field(i)
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != want {
			continue
		}
		inner := field.Type
		for inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if isList != (inner.Kind() == reflect.Slice) {
			return false
		}
		if isList {
			inner = inner.Elem()
		}
		return hasMember(inner, path[1:])
	}
	return false
}
