package export_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/testlog"
)

// TestOddLines has lines behind the last checkpoint that no gateway writes: both verifiers say the same of each.
func TestOddLines(t *testing.T) {
	l := newLogs(t)
	dir := l.dir()
	log := testlog.New(dir, l.key) // three records
	l.calls(log, "i", "open")
	log.Checkpoint()
	log.Flush()
	const head = `{"seq":6,"commit":6,"time":"2026-10-03T04:05:06.000000000Z","kind":"`
	var samples []sample
	add := func(line string) {
		samples = append(samples, sample{Name: fmt.Sprintf("%.120q", line), Allow: true, Log: l.edit(dir, 0, func(x [][]byte) [][]byte { return append(x, []byte(line+"\n")) })})
	}
	for _, members := range oddMembers() {
		add(head + `event"` + members + "}")
	}
	for _, value := range []string{`1`, `null`, `""`, `"x"`, `"open"`, `[]`, `{}`, `true`, `9`} {
		for _, name := range []string{"call", "signature_hash", "previous_key", "key_lost", "first", "unsigned"} {
			for _, kind := range []string{"refusal", "intent", "outcome", "start", "stop", "prune", "key", "checkpoint"} {
				add(head + kind + `","last":2,"` + name + `":` + value + "}")
			}
		}
	}
	for _, at := range []string{"0000-01-01T00:00:00.000000000Z", "0001-01-01T00:00:00.000000000Z", "1969-12-31T23:59:59.000000000Z", "9999-12-31T23:59:59.999999999Z",
		"2026-12-31T23:59:60.000000000Z", "2026-12-31T24:00:00.000000000Z", "2026-02-29T00:00:00.000000000Z", "2024-02-29T00:00:00.000000000z", "2024-02-29T00:00:00.000000000+00:00"} {
		add(strings.Replace(head, "2026-10-03T04:05:06.000000000Z", at, 1) + `event"}`)
	}
	for _, line := range []string{"\ufeff" + head + `event"}`, head + `event"}` + "\r", " " + head + `event"}`, head + `event"} `, head + `event"}{}`, head + `event",}`, head + `event"}}`,
		strings.Replace(head, `6,"commit":6`, `06,"commit":06`, 1) + `event"}`, strings.Replace(head, `6,"commit":6`, `6.0,"commit":6`, 1) + `event"}`,
		strings.Replace(head, `6,"commit":6`, `6,"commit":7`, 1) + `event"}`, strings.Replace(head, `6,"commit":6`, `9999999999999999999,"commit":9999999999999999999`, 1) + `event"}`,
		strings.Replace(head, `6,"commit":6`, `18446744073709551615,"commit":18446744073709551615`, 1) + `event"}`,
		strings.Replace(head, `6,"commit":6`, `18446744073709551616,"commit":6`, 1) + `event"}`} {
		add(line)
	}
	whole := 0
	for i, found := range faults(t, samples) {
		s := samples[i]
		if len(found) == 0 {
			whole++
		}
		t.Run(s.Name, func(t *testing.T) {
			if report, err := l.verify(s); (err == nil && report.Whole()) != (len(found) == 0) {
				t.Errorf("verify.py: %q\nGo: %v, %v", found, report.Faults, err)
			}
		})
	}
	if whole < 100 || whole > len(samples)/2 {
		t.Errorf("%d of %d are whole", whole, len(samples))
	}
}

// TestMembers: verify.py knows the members of records, with their types.
func TestMembers(t *testing.T) {
	var known any
	if err := json.Unmarshal(python(t, `
import json, verify
def plain(kind):
    if isinstance(kind, dict):
        return {name: plain(k) for name, k in kind.items()}
    return [plain(kind[0])] if isinstance(kind, list) else "time" if kind is verify.MOMENT else kind.__name__
print(json.dumps(plain(verify.RECORD)))
`, nil), &known); err != nil {
		t.Fatal(err)
	}
	if want := typeOf(reflect.TypeFor[logfile.Record]()); !reflect.DeepEqual(known, want) {
		t.Errorf("known are %v, and records have %v", known, want)
	}
}

// typeOf returns a type as TestMembers prints those of verify.py.
func typeOf(t reflect.Type) any {
	switch t.Kind() {
	case reflect.String:
		return "str"
	case reflect.Bool:
		return "bool"
	case reflect.Int, reflect.Int64, reflect.Uint64, reflect.Uint16:
		return "int"
	case reflect.Slice:
		return []any{typeOf(t.Elem())}
	case reflect.Map:
		return map[string]any{"": typeOf(t.Elem())}
	case reflect.Pointer:
		return typeOf(t.Elem())
	}
	if t == reflect.TypeFor[time.Time]() {
		return "time"
	}
	members := map[string]any{}
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); !f.Anonymous && f.IsExported() {
			members[name] = typeOf(f.Type)
		}
	}
	return members
}

// oddMembers are members behind the head.
func oddMembers() (out []string) {
	for _, value := range []string{`1`, `1.0`, `1e3`, `-0`, `-1`, `1E400`, strings.Repeat("9", 5000), `18446744073709551616`, `null`, `true`, `"x"`, `""`, `[]`, `[1]`, `[null]`, `["x"]`, `{}`, `{"a":1}`, `{"a":"b"}`,
		`{"a":1,"\u0061":2}`, `"\ud800"`, `"\udc00\ud800"`, `"\ud83d\ude00"`, `"\u0000"`, `"\/"`, `"\x"`, `"\u00g0"`, "\"\x7f\"", "\"\x01\"", "\"\t\"", "\"\xff\"", "\"\xed\xa0\x80\"", "\"\xc0\x80\"",
		`NaN`, `Infinity`, `-Infinity`, `01`, `1.`, `.5`, `+1`, `0x1`, `'x'`, ` 1`, `1 `, "\t1", `"a b"`, `"` + "\u2028" + `"`, `"` + strings.Repeat("x", 65000) + `"`,
		strings.Repeat("[", 15) + strings.Repeat("]", 15), strings.Repeat("[", 16) + strings.Repeat("]", 16), `[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]`,
		strings.Repeat("[", 60) + strings.Repeat("]", 60), strings.Repeat("[", 900) + strings.Repeat("]", 900), strings.Repeat("[", 5000) + strings.Repeat("]", 5000), strings.Repeat(`{"a":`, 3000) + "1" + strings.Repeat("}", 3000),
		strings.Repeat("[", 12000) + strings.Repeat("]", 12000), strings.Repeat("[", 30000)} {
		for _, name := range []string{"unknown", "call", "note", "status", "fields", "tls_in", "cut", "source_port", "data", "key_lost", "previous_key", "first", "unsigned", "effect", "signature_hash", "signature_date", "peaks", "seq", "Call", `c\u0061ll`} {
			if len(value) > 1000 && name != "unknown" && name != "note" {
				continue
			}
			out = append(out, `,"`+name+`":`+value)
		}
	}
	return append(out, ``, `,"call":"open"`, `,"note":"a","note":"b"`, `,"n\u006fte":"a","note":"b"`, `,"note":"a","Note":"b"`, `,"event":"not_known"`, `,"first":1,"last":2`,
		`,"first":1,"last":9`, `,"call":"a","effect":"spend","signature_hash":"x","signature_date":"2026"`, `,"call":"a","signature_hash":"\ud800"`, `,"":1`, `,"unknown":{"b":1,"b":2}`)
}
