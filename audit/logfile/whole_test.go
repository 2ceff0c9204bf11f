package logfile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// reread returns a record that is read from its line.
func reread(t testing.TB, r *Record) (got Record) {
	t.Helper()
	if err := json.Unmarshal(r.Append(nil), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// TestCutsLeaveLengthAndHash: a text that does not fit can be recognised, at each degree of cutting.
func TestCutsLeaveLengthAndHash(t *testing.T) {
	long := strings.Repeat("%E9", 8<<10)
	many := make([]string, 5000)
	var form strings.Builder
	for i := range many {
		many[i] = fmt.Sprint("id-", i)
		fmt.Fprintf(&form, "%d:%s,", len(many[i]), many[i])
	}
	big := []string{long, "", long}
	bigForm := fmt.Sprintf("%d:%s,0:,%d:%s,", len(long), long, len(long), long)
	for name, r := range map[string]*Record{
		"as they are":     {},
		"with much else":  {TLSIn: &TLS{Peer: strings.Repeat("\x01", 16<<10)}, Note: strings.Repeat("\x01", 16<<10)},
		"with everything": full(strings.Repeat("\x01", 3000), 300),
	} {
		r.Path, r.PathBytes, r.PathHash = long, 0, ""
		r.Query, r.QueryBytes, r.QueryHash = long, 0, ""
		r.Fields = []Field{{Name: "short", Values: []string{"x"}}, {Name: "ids", Values: many}, {Name: "big", Values: big}}
		got := reread(t, r)
		if !got.Cut || got.PathBytes != int64(len(long)) || got.PathHash != hashOf(long) || got.QueryBytes != int64(len(long)) || got.QueryHash != hashOf(long) {
			t.Errorf("%s: path %d %s, query %d %s", name, got.PathBytes, got.PathHash, got.QueryBytes, got.QueryHash)
		}
		if f := got.Fields[0]; f.AllHash != "" || f.AllBytes != 0 {
			t.Errorf("%s: a field that is whole has the hash %q", name, f.AllHash)
		}
		if f := got.Fields[1]; len(f.Values)+f.Omitted != len(many) || f.AllBytes != int64(len(strings.Join(many, ""))) || f.AllHash != hashOf(form.String()) {
			t.Errorf("%s: %d values and %d omitted, %d bytes, %s", name, len(f.Values), f.Omitted, f.AllBytes, f.AllHash)
		}
		if f := got.Fields[2]; f.AllBytes != int64(2*len(long)) || f.AllHash != hashOf(bigForm) {
			t.Errorf("%s: %d bytes, %s", name, f.AllBytes, f.AllHash)
		}
	}
}

// TestCutsKeepEarlierHashes: a list may have been cut before the log cuts it.
func TestCutsKeepEarlierHashes(t *testing.T) {
	r := Record{Fields: []Field{{Values: make([]string, 5000), Omitted: 1, AllBytes: 7, AllHash: "ab"}, {Values: make([]string, 5000), Omitted: 1}}}
	got := reread(t, &r)
	if f := got.Fields[0]; f.AllBytes != 7 || f.AllHash != "ab" {
		t.Errorf("%d %s", f.AllBytes, f.AllHash)
	}
	if f := got.Fields[1]; f.AllHash != "" {
		t.Errorf("a hash of a part: %s", f.AllHash)
	}
}

// TestDeclaredEndpointsHaveNoPlainHash: their truncated texts have no hash from which the rest could be searched. The hash of an operation's
// query is of what is not withheld.
func TestDeclaredEndpointsHaveNoPlainHash(t *testing.T) {
	long := strings.Repeat("a", 20<<10)
	withheld := []Withheld{{Name: "pin", Bytes: 4}}
	for name, tt := range map[string]struct {
		r           Record
		path, query bool // hashed
	}{
		"declared":                 {Record{Operation: "App"}, false, false},
		"of the catalog":           {Record{Operation: "ListOrders", Site: "cn"}, true, true},
		"of the catalog, in part":  {Record{Operation: "ListOrders", Site: "cn", QueryWithheld: withheld, QueryBytes: 21 << 10}, true, true},
		"declared, with much else": {Record{Operation: "App", TLSIn: &TLS{Peer: strings.Repeat("\x01", 16<<10)}, Note: strings.Repeat("\x01", 16<<10)}, false, false},
	} {
		r := tt.r
		r.Path, r.Query = long, long
		got := reread(t, &r)
		if !got.Cut || got.PathBytes != 20<<10 || got.QueryBytes != max(20<<10, r.QueryBytes) || (got.PathHash != "") != tt.path || (got.QueryHash != "") != tt.query {
			t.Errorf("%s: path %d %q, query %d %q", name, got.PathBytes, got.PathHash, got.QueryBytes, got.QueryHash)
		}
	}
}

// TestWholeRecordsHaveNoHashes: they would cost time for nothing.
func TestWholeRecordsHaveNoHashes(t *testing.T) {
	if line := string(typical().Append(nil)); strings.Contains(line, "_hash") && strings.Count(line, "_hash") != strings.Count(line, "body_hash")+strings.Count(line, "signature_hash") {
		t.Error(line)
	}
}

// rest returns an intent in which all members that a caller does not choose are as long as can be.
func rest() *Record {
	name, at := strings.Repeat("金", 64), time.Date(2026, 10, 3, 4, 5, 6, 7080900, time.UTC)
	list := func(named, n int) []string { // a peer that offers the same over and over is no honest one, and its calls may be refused
		entries := make([]string, n)
		for i := range entries {
			if entries[i] = "0x1234"; i < named {
				entries[i] = strings.Repeat("X", 48)
			}
		}
		return entries
	}
	withheld := make([]Withheld, MaxWithheld)
	for i := range withheld {
		withheld[i] = Withheld{Name: strings.Repeat("n", 64), Bytes: 16 << 10}
	}
	return &Record{
		MACKey: hashOf("")[:16], PathMAC: hashOf(""), QueryMAC: hashOf(""), BodyMAC: hashOf(""), AnswerMAC: hashOf(""), PathBytes: 1 << 40, QueryWithheld: withheld,
		Kind: KindIntent, Call: strings.Repeat("c", 36), Listener: strings.Repeat("/", 300), Caller: name, IdentifiedBy: "access_key", Identity: strings.Repeat("u", 2048),
		Source: strings.Repeat("f", 45), SourcePort: 65535, Upstream: name, Site: "intl", Operation: name, Effect: "spend", QueryBytes: 1 << 40,
		Credential: name, Class: "customer", AccessKey: strings.Repeat("A", 128), Account: strings.Repeat("a", 64), Deprecated: true, Decision: Allowed, BodyHash: hashOf(""), BodyBytes: 1 << 40,
		SignatureHash: hashOf(""), SignatureDate: at, WaitedMicros: 1 << 60,
		TLSIn: &TLS{
			Version: "TLS 1.3", Suite: list(1, 1)[0], Group: list(1, 1)[0], ALPN: name, Resumed: true, ServerName: name, Peer: name, PeerFingerprint: hashOf(""), PeerNotAfter: at,
			Offer: &Offer{Versions: list(5, 9), Suites: list(32, 65), Groups: list(8, 33), ServerName: name},
		},
	}
}

func TestOverlong(t *testing.T) {
	a := func(n int) string { return strings.Repeat("a", n) }
	ids := func(n, length int) Field {
		f := Field{Name: "customer_ids[]", Kind: "customer"}
		for range n {
			f.Values = append(f.Values, a(length))
		}
		return f
	}
	omitted := Field{Name: "memo", Omitted: 1}
	for name, c := range map[string]struct {
		r    Record
		want string
	}{
		"nothing":                       {Record{}, ""},
		"a usual call":                  {*typical(), ""},
		"a method":                      {Record{Method: a(16<<10 + 1)}, "method"},
		"the longest path":              {Record{Path: a(16 << 10)}, ""},
		"a path":                        {Record{Path: a(16<<10 + 1)}, "path"},
		"the longest query":             {Record{Query: a(16 << 10)}, ""},
		"a query":                       {Record{Path: "/x", Query: a(16<<10 + 1)}, "query"},
		"raw UTF-8, escaped":            {Record{Query: strings.Repeat("%E9%87%91", 2<<10)}, "query"},
		"path and query and a value":    {Record{Path: a(16 << 10), Query: a(16 << 10), Fields: []Field{ids(1, 15<<10)}}, ""},
		"together too much":             {Record{Path: a(16 << 10), Query: a(16 << 10), Fields: []Field{ids(17, 1<<10)}}, "customer_ids[]"},
		"the second field is too much":  {Record{Fields: []Field{ids(40, 1<<10), {Name: "memo", Values: []string{a(9 << 10)}}}}, "memo"},
		"100 customers":                 {Record{Fields: []Field{ids(100, 400)}}, ""},
		"100 long customers":            {Record{Fields: []Field{ids(100, 1<<10)}}, "customer_ids[]"},
		"values that take six times":    {Record{Fields: []Field{{Name: "memo", Values: []string{strings.Repeat("\x01", 3<<10)}}}}, "memo"},
		"values that were left out":     {Record{Fields: []Field{ids(1, 1), omitted}}, "memo"},
		"left out in much else":         {Record{Path: a(16 << 10), Fields: []Field{omitted}}, "memo"},
		"all fields":                    {Record{Fields: make([]Field, 256)}, ""},
		"more fields than are recorded": {Record{Fields: append(make([]Field, 256), Field{Name: "b"})}, "b"},
		"more values than are recorded": {Record{Fields: []Field{{Name: "a", Values: make([]string, 4096)}, {Name: "b", Values: make([]string, 1)}}}, "b"},
	} {
		if got := c.r.Overlong(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestOverlongAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { typical().Overlong() }) - testing.AllocsPerRun(100, func() { typical() }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzOverlong: a record that is not overlong is not cut.
func FuzzOverlong(f *testing.F) {
	f.Add("/v2/x", "a=b", "c-17", uint16(3), uint16(2), "", uint16(1), uint16(256), uint16(3))
	f.Add("/"+strings.Repeat("a", 16<<10), strings.Repeat("%E9", 5000), strings.Repeat("\x01", 1024), uint16(16), uint16(1), "\u202e", uint16(2700), uint16(0), uint16(0))
	f.Add("\xff", strings.Repeat("金", 6000), strings.Repeat("x", 1024), uint16(43), uint16(7), "\\", uint16(8192), uint16(1), uint16(200))
	f.Fuzz(func(t *testing.T, path, query, value string, values, fields uint16, unit string, times, keys, charges uint16) {
		r := rest()
		if keys+charges > 0 {
			r.Spending = claim(int(keys%300), int(charges%300))
		}
		r.Method, r.Path, r.Query = "POST", path+strings.Repeat(unit, min(int(times), 20000/(1+len(unit)))), query
		for i := range fields % 300 {
			r.Fields = append(r.Fields, Field{Name: fmt.Sprint("field", i), Kind: "customer", Unsummed: 1 << 30})
			for range values % 128 {
				r.Fields[i].Values = append(r.Fields[i].Values, value)
			}
		}
		over := r.Overlong()
		if over == "" && reread(t, r).Cut {
			t.Errorf("a record of %d bytes passed, but is cut", len(r.Append(nil)))
		}
		if over != "" && r.surelyFits() {
			t.Errorf("%q is too long, though all was sure to fit", over)
		}
	})
}

// claim returns what a call holds with so many keys and charges.
func claim(keys, charges int) *Spending {
	s := &Spending{
		Act: "unsubscribe-order", Repeats: strings.Repeat("c", 36), For: strings.Repeat("c", 36),
		Keys:  []ActKeys{{Window: 31 * 24 * 3600}, {Window: 600}},
		Price: &Price{Amount: "123456789012345.6789", Currency: "CNY", From: "renewal", Call: strings.Repeat("c", 36)},
	}
	for i := range keys {
		s.Keys[i%2].MACs = append(s.Keys[i%2].MACs, strings.Repeat("m", 22))
	}
	for range charges {
		s.Caps = append(s.Caps, CapCharge{
			Cap: strings.Repeat("n", 64), Definition: strings.Repeat("d", 16), Counted: "customer=" + strings.Repeat("c", 32), Period: "2026-11-30",
			Amount: "123456789012345.6789", Currency: "CNY", Unpriced: true,
		})
	}
	return s
}

// TestKeysAlwaysFit: the most keys that an act may have fit in an intent with the most of all else.
func TestKeysAlwaysFit(t *testing.T) {
	r := rest()
	r.Method, r.Path, r.Query, r.QueryWithheld = "POST", strings.Repeat("a", MaxText), strings.Repeat("a", MaxText), nil
	r.Fields = []Field{{Name: "memo", Values: []string{strings.Repeat("a", MaxText-200)}}}
	for _, c := range []struct {
		keys, charges int
		over          string
	}{{MaxActKeys, 3, ""}, {MaxActKeys + 1, 0, "act"}, {1, 25, ""}, {1, 50, "act"}} {
		r.Spending = claim(c.keys, c.charges)
		if over := r.Overlong(); over != c.over {
			t.Errorf("%d keys and %d charges: %q, want %q", c.keys, c.charges, over, c.over)
		}
		if got := reread(t, r); got.Cut != (c.over != "") || !got.Cut && !reflect.DeepEqual(got.Spending, r.Spending) {
			t.Errorf("%d keys and %d charges: cut %t in %d bytes: %+v", c.keys, c.charges, got.Cut, len(r.Append(nil)), got.Spending)
		}
	}
	r = typical()
	if r.Spending = claim(100, 200); r.Overlong() != "" || reread(t, r).Cut { // for 100 customers two caps
		t.Error("an act for 100 customers does not fit")
	}
}
