package logfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"tollgate/freeze"
)

// fill sets every member of v, and of what it holds, to something that is not empty, with lists of n entries.
func fill(v reflect.Value, text string, n int) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1<<62 + 1)
	case reflect.Uint16, reflect.Uint64:
		v.SetUint(1<<64 - 1)
		if v.Kind() == reflect.Uint16 {
			v.SetUint(1<<16 - 1)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text, n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(v.Index(i), text, n)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for i := range n {
			v.SetMapIndex(reflect.ValueOf(fmt.Sprintf("name_%059d", i)), reflect.ValueOf(text))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 10, 3, 4, 5, 6, 7080900, time.UTC)))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), text, n)
			}
		}
	default:
		panic("fill does not know " + v.Kind().String())
	}
}

func full(text string, n int) *Record {
	var r Record
	fill(reflect.ValueOf(&r).Elem(), text, n)
	return &r
}

// TestSize: each call empties and fills two records.
func TestSize(t *testing.T) {
	if size := reflect.TypeFor[Record]().Size(); size > 1152 {
		t.Errorf("a record has %d bytes: what records of calls do not have belongs behind a pointer", size)
	}
}

// TestAppendIsComplete fills every member of a record and reads it back.
func TestAppendIsComplete(t *testing.T) {
	for _, text := range []string{"x", `"\/<>&` + "\n\r\t\x00\x1f\x7f", "金额 ¥99.99 é 😀", "\u0085\u2028\u202e\u200b\U000E0001"} {
		want := full(text, 2)
		line := want.Append(nil)
		if i := strings.IndexFunc(string(line), func(c rune) bool { return !unicode.IsPrint(c) }); i >= 0 {
			t.Errorf("byte %d of the line would not print: %q", i, line[i:min(i+8, len(line))])
		}
		var got Record
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if !reflect.DeepEqual(&got, want) {
			t.Errorf("got  %+v\nwant %+v", &got, want)
		}
	}
}

func TestAppendLeavesEmptyMembersOut(t *testing.T) {
	r := Record{Seq: 7, Commit: 5, Kind: KindStop, Time: time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600)), TLSIn: &TLS{}}
	want := `{"seq":7,"commit":5,"time":"2026-01-02T02:04:05.000000006Z","kind":"stop","tls_in":{}}`
	if got := string(r.Append(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestFreezesFit: as many freezes as may be in force fit into a line, of the greatest size each, beside what else their record has.
func TestFreezesFit(t *testing.T) {
	far := time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)
	r := &Record{
		Kind: KindEvent, Event: EventUnfrozen, Subject: strings.Repeat("s", 80), Detail: strings.Repeat(`"`, 400), Identity: strings.Repeat("i", 32),
		Data: map[string]string{"freeze": "f-00000000", "kind": "credential", "name": strings.Repeat("n", 64), "reason": strings.Repeat(`"`, 120), "until": far.Format(time.RFC3339)},
	}
	for i := range freeze.Max {
		r.Freezes = append(r.Freezes, freeze.Freeze{
			ID: fmt.Sprintf("f-%08x", i), Subject: freeze.Subject{Kind: freeze.Credential, Name: strings.Repeat("n", 64)},
			Reason: strings.Repeat(`"\`, 60), Since: far, Until: far, By: strings.Repeat("b", 32),
		})
	}
	if _, err := freeze.NewSet(r.Freezes); err != nil {
		t.Fatal(err)
	}
	var got Record
	if err := ParseLine(r.Append(nil), &got); err != nil || got.Cut || !reflect.DeepEqual(got.Freezes, r.Freezes) {
		t.Errorf("%d of %d freezes are read back, cut %t: %v", len(got.Freezes), len(r.Freezes), got.Cut, err)
	}
}

// FuzzFreeze: a freeze that is accepted is read back from the log unchanged.
func FuzzFreeze(f *testing.F) {
	f.Add("f-00000001", "caller", "shop", "a key leaked", "uid 0")
	f.Add("f-00000001", "customer", "c\"1", "tab\there", "")
	f.Fuzz(func(t *testing.T, id, kind, name, reason, by string) {
		one := freeze.Freeze{ID: id, Subject: freeze.Subject{Kind: freeze.Kind(kind), Name: name}, Reason: reason, Since: time.Unix(1, 2).UTC(), By: by}
		if one.Check() != nil {
			return
		}
		r := Record{Seq: 1, Commit: 1, Kind: KindEvent, Event: EventFrozen, Freezes: []freeze.Freeze{one}}
		line := r.Append(nil)
		var got Record
		if err := ParseLine(line, &got); err != nil || got.Cut || !reflect.DeepEqual(got.Freezes, r.Freezes) {
			t.Errorf("%+v is read back as %+v, %v", one, got.Freezes, err)
		}
		if text := one.String(); strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) {
			t.Errorf("%q does not print", text)
		}
		if len(line) > 700 {
			t.Errorf("it takes %d bytes", len(line))
		}
	})
}

// TestAppendIsBounded: the line of any record fits, is JSON, and has the mark that it was cut.
func TestAppendIsBounded(t *testing.T) {
	long := strings.Repeat("\x01", 100<<10)
	for name, r := range map[string]*Record{
		"one long text":         {Kind: KindIntent, Call: "c", Query: long},
		"one very long text":    {Kind: KindIntent, Call: "c", Query: strings.Repeat(long, 100)},
		"many values":           {Kind: KindIntent, Call: "c", Fields: []Field{{Name: "ids", Values: make([]string, 100000)}}},
		"many long values":      {Kind: KindIntent, Call: "c", Fields: []Field{{Name: "ids", Values: []string{long, long, long, long, long}}}},
		"all members, all full": full(strings.Repeat("\x01", 3000), 300),
		"wide characters":       full(strings.Repeat("金😀", 3000), 300),
		"invalid UTF-8":         full(strings.Repeat("\xff", 3000), 300),
	} {
		t.Run(name, func(t *testing.T) {
			r.Cut = false
			line := r.Append(nil)
			if len(line)+1 > MaxLine {
				t.Errorf("the line has %d bytes", len(line))
			}
			var got Record
			if err := json.Unmarshal(line, &got); err != nil {
				t.Fatal(err)
			}
			if !got.Cut {
				t.Error("the line does not say that it was cut")
			}
			if !utf8.Valid(line) {
				t.Error("the line is not valid UTF-8")
			}
		})
	}
}

func TestAppendCountsOmittedValues(t *testing.T) {
	r := Record{Fields: []Field{{Name: "a", Values: make([]string, 5000), Omitted: 3}}}
	var got Record
	if err := json.Unmarshal(r.Append(nil), &got); err != nil {
		t.Fatal(err)
	}
	if n := len(got.Fields[0].Values) + got.Fields[0].Omitted; n != 5003 {
		t.Errorf("values and omitted are %d together, want 5003", n)
	}
}

func TestAppendTimeStaysWithinRFC3339(t *testing.T) {
	for _, year := range []int{-5, 0, 9999, 12345} {
		b := appendTime(nil, time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC))
		if _, err := time.Parse(time.RFC3339Nano, strings.Trim(string(b), `"`)); err != nil {
			t.Errorf("year %d: %v", year, err)
		}
	}
}

// typical returns an intent as the gateway writes it.
func typical() *Record {
	return &Record{
		Seq: 123456, Commit: 123450, Time: time.Date(2026, 10, 3, 4, 5, 6, 7080900, time.UTC), Kind: KindIntent,
		Call: "0199a3b2-7c00-7d3e-8f10-2b3c4d5e6f70", Listener: "gateway.corp.example:8443",
		Caller: "billing-app", IdentifiedBy: "access_key", Identity: "TGAPP1", Source: "10.1.2.3", SourcePort: 50123,
		Upstream: "bss", Site: "cn", Operation: "PayOrders", Effect: "spend", Method: "POST",
		Path: "/v3/orders/customer-orders/pay", Credential: "acme", Class: "customer", AccessKey: "HPUAABCDEFGHIJKLMNOP", Account: "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
		Decision: Allowed, BodyHash: strings.Repeat("ab", 32), BodyBytes: 212,
		Fields: []Field{
			{Name: "order_id", Kind: "order", Values: []string{"CS2212011234567"}},
			{Name: "use_coupon", Kind: "flag", Values: []string{"NO"}},
		},
		TLSIn:         &TLS{Version: "TLS 1.3", Suite: "TLS_AES_256_GCM_SHA384", Group: "X25519MLKEM768", ALPN: "h2", ServerName: "gateway.corp.example"},
		SignatureHash: strings.Repeat("cd", 32), SignatureDate: time.Date(2026, 10, 3, 4, 5, 6, 0, time.UTC),
	}
}

func TestAppendAllocates(t *testing.T) {
	r, buf := typical(), make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { buf = r.Append(buf[:0]) }); n > 0 {
		t.Errorf("Append allocates %v times; the budget is 0 with a buffer that is large enough", n)
	}
}

func FuzzAppend(f *testing.F) {
	f.Add("call", "path\xff\"\\\n", "值", int64(5), 3)
	f.Add("", strings.Repeat("\x00", 20000), "\u202e", int64(-1), 300)
	f.Fuzz(func(t *testing.T, call, path, value string, number int64, n int) {
		r := Record{Seq: 1, Commit: 1, Kind: KindIntent, Call: call, Path: path, BodyBytes: number, TLSIn: &TLS{Peer: value}}
		r.Fields = []Field{{Name: value, Values: []string{path, value}}}
		for range min(max(n, 0), 500) {
			r.Counts = append(r.Counts, Count{Reason: value, Count: uint64(number)})
		}
		line := r.Append(nil)
		if len(line)+1 > MaxLine || !utf8.Valid(line) {
			t.Fatalf("bad line of %d bytes", len(line))
		}
		if bytes.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("a terminal does not print %q", line)
		}
		var got Record
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatal(err)
		}
		if got.Cut {
			return
		}
		got.Time = r.Time
		want := string(r.Append(nil))
		if again := string(got.Append(nil)); again != want {
			t.Errorf("got  %s\nwant %s", again, want)
		}
	})
}
