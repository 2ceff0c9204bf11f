package inbox

import (
	"net/url"
	"strings"
	"testing"
)

var ids = []ID{
	{Kind: Unknown, Log: "log", Seq: 4711},
	{Kind: Paused, Log: "a/b c", Seq: 1},
	{Kind: Burst, Log: "log", Hour: "2026-10-03T04:30Z", Reason: "no common suite", Who: "source=2001:db8::/64"},
	{Kind: Burst, Log: "..", Hour: "2026-10-03T04:00Z", Reason: "", Who: "caller=../?#%2F"},
	{Kind: Freeze, Log: "log", Name: "f-8d31c0"},
	{Kind: Expires, Name: strings.Repeat("b1", 32)},
	{Kind: Deprecated, Name: ".", Caller: "~shop", Month: "2026-10"},
	{Kind: Deprecated, Name: short(strings.Repeat("审", 1000)), Caller: "(shop?)", Month: "2026-10"},
}

func TestID(t *testing.T) {
	for _, id := range ids {
		text := id.String()
		if got, err := ParseID(text); err != nil || got != id {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, id)
		}
		// What a browser makes of the address, and the server of the path.
		base, _ := url.Parse("http://127.0.0.1/")
		u, err := base.Parse("/exceptions/" + text)
		if err != nil || u.EscapedPath() != "/exceptions/"+text {
			t.Errorf("the address of %q is %q, %v", text, u, err)
		}
	}
	for _, text := range []string{
		"", "unknown", "unknown/log", "unknown/log/0", "unknown/log/01", "unknown/log/1/", "unknown/log/-1", "unknown//1", "other/log/1", "unknown/l%6fg/1", "unknown/a%2fb/1",
		"burst/log/2026-10-03T4:00Z/x/source=a", "burst/log/2026-10-03T04:00Z/x/a", "burst/log/2026-13-03T04:00Z/x/source=a", "deprecated/a/b/2026-1", "deprecated/a/b/2026-13",
		"freeze/log/~", "expiry/~", "expiry/" + strings.Repeat("a", 200), "unknown/%ff/1", "unknown/%/1", "unknown/log/99999999999999999999", strings.Repeat("a/", 1<<20),
	} {
		if id, err := ParseID(text); err == nil {
			t.Errorf("%.50q is the id %+v", text, id)
		}
	}
}

// FuzzParseID: a text that is an id is the one that the id has, and leads to no other address.
func FuzzParseID(f *testing.F) {
	for _, id := range ids {
		f.Add(id.String())
	}
	f.Add("burst/log/2026-10-03T04:00Z/~/caller=a%2Fb")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := ParseID(text)
		if err != nil {
			return
		}
		if id.String() != text || len(text) > maxID {
			t.Errorf("%q is %+v, which is %q", text, id, id.String())
		}
		if again, err := ParseID(id.String()); err != nil || again != id {
			t.Errorf("%q is %+v, and once more %+v, %v", text, id, again, err)
		}
		if u, err := url.Parse("/exceptions/" + text); err != nil || u.RawQuery != "" || u.Fragment != "" || u.EscapedPath() != "/exceptions/"+text {
			t.Errorf("%q is in the address %v, %v", text, u, err)
		}
	})
}
