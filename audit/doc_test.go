package audit

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"tollgate/audit/logfile"
)

// TestFormatIsDocumented: docs/audit-format.md names every member of a record.
func TestFormatIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../docs/audit-format.md")
	if err != nil {
		t.Fatal(err)
	}
	var check func(reflect.Type)
	check = func(typ reflect.Type) {
		for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[time.Time]() {
			return
		}
		for _, field := range reflect.VisibleFields(typ) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if !field.Anonymous && !strings.Contains(string(doc), "`"+name+"`") {
				t.Errorf("member %q of %s is not documented", name, typ)
			}
			check(field.Type)
		}
	}
	check(reflect.TypeFor[logfile.Record]())
}
