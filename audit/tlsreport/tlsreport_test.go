package tlsreport

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/testlog"
	"tollgate/tlspolicy"
)

const (
	rsa256   = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
	rsa128   = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
	ecdsa128 = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
	aes128   = "TLS_AES_128_GCM_SHA256"
	aes256   = "TLS_AES_256_GCM_SHA384"
)

func policy(t testing.TB) *tlspolicy.Policy {
	t.Helper()
	p, err := tlspolicy.Named(tlspolicy.Default)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func offer(versions, suites, groups string) *logfile.Offer {
	split := func(text string) []string { return strings.FieldsFunc(text, func(c rune) bool { return c == ';' }) }
	return &logfile.Offer{Versions: split(versions), Suites: split(suites), Groups: split(groups)}
}

// call is an intent on a connection that the port names.
func call(caller string, port uint16, version, suite, group string, o *logfile.Offer) *logfile.Record {
	return &logfile.Record{
		Kind: logfile.KindIntent, Call: fmt.Sprint("c-", port), Listener: "a", Caller: caller, IdentifiedBy: "access_key", Identity: "TG-" + caller,
		Source: "10.0.0.1", SourcePort: port, TLSIn: &logfile.TLS{Version: version, Suite: suite, Group: group, Offer: o},
	}
}

// report reads records back from a log.
func report(t testing.TB, c Config, records ...*logfile.Record) *Report {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "audit")
	l := testlog.New(dir, nil)
	for _, r := range records {
		l.Add(r)
	}
	l.Flush()
	if c.Policy == nil {
		c.Policy = policy(t)
	}
	collector, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := logfile.Read(dir, func(r *logfile.Record, _ []byte) error { collector.Add(r); return nil }); err != nil {
		t.Fatal(err)
	}
	return collector.Report()
}

// TestWhoWouldBreak: each case is one caller, and what is removed.
func TestWhoWouldBreak(t *testing.T) {
	modern := offer("TLS 1.3;TLS 1.2", aes128+";"+aes256+";"+rsa256+";"+rsa128, "X25519;P-256")
	old := offer("TLS 1.2", rsa256+";"+rsa128, "X25519;P-256")
	for name, c := range map[string]struct {
		without string
		records []*logfile.Record
		want    string // answer, breaking, inferred and unclear connections
	}{
		"TLS 1.2, offers 1.3":            {"TLS 1.2", []*logfile.Record{call("app", 1, "TLS 1.3", aes128, "X25519", modern)}, "stays 0 0 0"},
		"TLS 1.2, offers no 1.3":         {"tls1.2", []*logfile.Record{call("app", 1, "TLS 1.2", rsa128, "X25519", old)}, "breaks 1 0 0"},
		"TLS 1.2, one of two":            {"1.2", []*logfile.Record{call("app", 1, "TLS 1.2", rsa128, "X25519", old), call("app", 2, "TLS 1.3", aes128, "X25519", modern)}, "breaks 1 0 0"},
		"TLS 1.2, an older log":          {"TLSv1.2", []*logfile.Record{call("app", 1, "TLS 1.2", rsa128, "X25519", nil)}, "breaks 0 1 0"},
		"TLS 1.2, an older log with 1.3": {"TLS 1.2", []*logfile.Record{call("app", 1, "TLS 1.3", aes128, "X25519", nil)}, "stays 0 0 0"},
		"TLS 1.3, offers 1.2, too":       {"TLS 1.3", []*logfile.Record{call("app", 1, "TLS 1.3", aes128, "X25519", modern), call("x", 9, "TLS 1.2", rsa128, "X25519", old)}, "stays 0 0 0"},
		"TLS 1.3, certificate not known": {"TLS 1.3", []*logfile.Record{call("app", 1, "TLS 1.3", aes128, "X25519", modern)}, "unknown 0 0 1"},
		"TLS 1.3, an older log":          {"TLS 1.3", []*logfile.Record{call("app", 1, "TLS 1.3", aes128, "X25519", nil)}, "unknown 0 0 1"},
		"suite, another left":            {rsa128, []*logfile.Record{call("app", 1, "TLS 1.2", rsa128, "X25519", old)}, "stays 0 0 0"},
		"suite, none left":               {rsa128 + "," + rsa256, []*logfile.Record{call("app", 1, "TLS 1.2", rsa128, "X25519", old)}, "breaks 1 0 0"},
		"suite, not used, an older log":  {rsa256, []*logfile.Record{call("app", 1, "TLS 1.2", rsa128, "X25519", nil)}, "stays 0 0 0"},
		"suite, used, an older log":      {rsa128, []*logfile.Record{call("app", 1, "TLS 1.2", rsa128, "X25519", nil)}, "unknown 0 0 1"},
		"suite, one for another certificate left": {rsa128, []*logfile.Record{
			call("app", 1, "TLS 1.2", rsa128, "X25519", offer("TLS 1.2", rsa128+";"+ecdsa128, "X25519"))}, "unknown 0 0 1"},
		"suite of 1.3, 1.2 does not help": {aes128 + "," + aes256 + ",TLS_CHACHA20_POLY1305_SHA256", []*logfile.Record{
			call("app", 1, "TLS 1.3", aes128, "X25519", modern)}, "breaks 1 0 0"},
		"group, another left":        {"x25519", []*logfile.Record{call("app", 1, "TLS 1.2", rsa128, "X25519", old)}, "stays 0 0 0"},
		"group, none left":           {"X25519,P-256", []*logfile.Record{call("app", 1, "TLS 1.2", rsa128, "X25519", old)}, "breaks 1 0 0"},
		"group, a hybrid in TLS 1.2": {"X25519", []*logfile.Record{call("app", 1, "TLS 1.2", rsa128, "X25519", offer("TLS 1.2", rsa128, "X25519;X25519MLKEM768"))}, "breaks 1 0 0"},
		"offer was cut":              {rsa128, []*logfile.Record{call("app", 1, "TLS 1.2", rsa128, "X25519", offer("TLS 1.2", rsa128+";+3 more", "X25519"))}, "unknown 0 0 1"},
		"later calls of a connection": {rsa128, []*logfile.Record{
			call("app", 1, "TLS 1.2", rsa128, "X25519", old), call("app", 1, "TLS 1.2", rsa128, "X25519", nil), call("app", 1, "TLS 1.2", rsa128, "X25519", nil)}, "stays 0 0 0"},
		"recorded the other way round": {rsa128, []*logfile.Record{
			call("app", 1, "TLS 1.2", rsa128, "X25519", nil), call("app", 1, "TLS 1.2", rsa128, "X25519", old)}, "stays 0 0 0"},
		"a port used again": {rsa128, []*logfile.Record{
			call("app", 1, "TLS 1.2", rsa128, "X25519", old), call("app", 1, "TLS 1.2", rsa128, "X25519", offer("TLS 1.2", rsa128, "X25519"))}, "breaks 1 0 0"},
		"a port used again, the first breaks": {rsa128, []*logfile.Record{
			call("app", 1, "TLS 1.2", rsa128, "X25519", offer("TLS 1.2", rsa128, "X25519")), call("app", 1, "TLS 1.2", rsa128, "X25519", old)}, "breaks 1 0 0"},
		"a port used again, an older log": {"TLS 1.2", []*logfile.Record{
			call("app", 1, "TLS 1.3", aes128, "X25519", nil), call("app", 1, "TLS 1.2", rsa128, "X25519", nil)}, "breaks 0 1 0"},
		"another caller on the connection": {rsa128 + "," + rsa256, []*logfile.Record{
			call("first", 1, "TLS 1.2", rsa128, "X25519", old), call("app", 1, "TLS 1.2", rsa128, "X25519", nil)}, "breaks 1 0 0"},
		"another policy": {"TLS 1.2", []*logfile.Record{call("app", 1, "TLS 1.2", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "X25519", nil)}, "unknown 0 0 1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := report(t, Config{Without: []string{c.without}}, c.records...)
			if len(r.Without) != 1 {
				t.Fatalf("%d answers", len(r.Without))
			}
			got := "stays 0 0 0"
			for _, caller := range append(r.Without[0].Breaks, r.Without[0].Unknown...) {
				if caller.Caller == "app" {
					got = fmt.Sprint(caller.Answer(), " ", caller.Breaking, caller.Inferred, caller.Unclear)
				}
			}
			if got != c.want {
				t.Errorf("got %s, want %s: %+v", got, c.want, r.Without[0])
			}
			if foreign := len(r.Notes) > 0; foreign != (name == "another policy") {
				t.Errorf("notes %q", r.Notes)
			}
		})
	}
}

// TestOffersBeforeTheRange: the offer of a connection that began before the range is known.
func TestOffersBeforeTheRange(t *testing.T) {
	early := call("app", 1, "TLS 1.2", rsa128, "X25519", offer("TLS 1.2", rsa128+";"+rsa256, "X25519"))
	late := call("app", 1, "TLS 1.2", rsa128, "X25519", nil)
	late.Time = testlog.Start.Add(time.Hour)
	beyond := call("app", 2, "TLS 1.3", aes128, "X25519", nil)
	beyond.Time = testlog.Start.Add(3 * time.Hour)
	r := report(t, Config{Without: []string{rsa128}, Since: testlog.Start.Add(time.Hour), Until: testlog.Start.Add(2 * time.Hour)}, early,
		&logfile.Record{Kind: logfile.KindOutcome, Upstream: "bss", TLSOut: &logfile.TLS{Version: "TLS 1.3"}},
		&logfile.Record{Kind: logfile.KindRefusal, Reason: "connection: not tls"}, late, beyond)
	if len(r.Out)+len(r.Refused) != 0 || len(r.In) != 1 || r.In[0].Calls != 1 || r.In[0].Conns != 1 || r.Without[0].Stay != 1 || !r.First.Equal(late.Time) || !r.Last.Equal(late.Time) {
		t.Errorf("report %+v", r)
	}
}

func TestDefaultQuestions(t *testing.T) {
	r := report(t, Config{}, call("app", 1, "TLS 1.3", aes128, "X25519", nil), call("app", 2, "TLS 1.2", rsa128, "X25519", nil))
	var asked []string
	for _, w := range r.Without {
		asked = append(asked, strings.Join(w.Removed, ","))
	}
	if want := []string{"TLS 1.2", aes128, rsa128}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
}

func TestUnknownName(t *testing.T) {
	for _, text := range []string{"TLS 1.1", "", "TLS_NULL", aes128 + ","} {
		_, err := New(Config{Policy: policy(t), Without: []string{text}})
		if err == nil || !strings.Contains(err.Error(), "it has TLS 1.3, "+"TLS_") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	refusal := func(source, reason string, o *logfile.Offer) *logfile.Record {
		r := &logfile.Record{Kind: logfile.KindRefusal, Source: source, Decision: logfile.Refused, Reason: reason}
		if o != nil {
			r.TLSIn = &logfile.TLS{Offer: o}
		}
		return r
	}
	ancient := offer("TLS 1.0", "0x2A2A;TLS_RSA_WITH_AES_128_CBC_SHA;+7 more", "0xFAFA;P-256")
	r := report(t, Config{},
		refusal("192.0.2.1", "connection: no common version", ancient), refusal("192.0.2.2", "connection: no common version", ancient),
		refusal("192.0.2.1", "connection: not tls", nil), refusal("192.0.2.1", "not_allowed", nil),
		&logfile.Record{Kind: logfile.KindRefusals, Counts: []logfile.Count{
			{Reason: "connection: no common version", Source: "192.0.2.1", Count: 40}, {Reason: "connection: no common version", Source: logfile.Other, Count: 2},
			{Reason: "unknown_key", Source: "192.0.2.9", Count: 7},
		}})
	if len(r.Refused) != 2 {
		t.Fatalf("refused %+v", r.Refused)
	}
	got := r.Refused[0]
	if got.Reason != "no common version" || got.Count != 44 || got.Recorded != 2 || got.WithOffer != 2 || got.Sources != 2 {
		t.Errorf("refused %+v", got)
	}
	want := "versions: TLS 1.0; suites: GREASE, TLS_RSA_WITH_AES_128_CBC_SHA; groups: GREASE, P-256"
	wanted := OfferCount{want, 2, []string{"TLS 1.0"}, Listed{Others: []string{"GREASE", "TLS_RSA_WITH_AES_128_CBC_SHA"}}, Listed{[]string{"P-256"}, []string{"GREASE"}}}
	if len(got.Offers) != 1 || !reflect.DeepEqual(got.Offers[0], wanted) {
		t.Errorf("offers %+v", got.Offers)
	}
	if i := slices.Index(r.Offered, Offered{"suite", "GREASE", 0, 2}); i < 0 {
		t.Errorf("offered %+v", r.Offered)
	}
}

// TestBounds: a long log has no large report.
func TestBounds(t *testing.T) {
	collector, err := New(Config{Policy: policy(t)})
	if err != nil {
		t.Fatal(err)
	}
	const n = maxUses + maxUses/4
	for i := range n {
		long := fmt.Sprintf("%d-%s", i, strings.Repeat("x", 1000))
		r := call(long, uint16(i), "TLS 1.3", long, long, offer(long, long+";"+aes128, long))
		r.Source, r.TLSIn.ServerName, r.TLSIn.PeerFingerprint = long, long, long
		collector.Add(r)
		collector.Add(&logfile.Record{Kind: logfile.KindOutcome, Upstream: long, TLSOut: &logfile.TLS{Version: long}, Outcome: logfile.NotSent,
			Detail: "no TLS connection with upstream x (" + long + ")"})
		collector.Add(&logfile.Record{Kind: logfile.KindRefusal, Reason: "connection: " + long, Source: long, TLSIn: &logfile.TLS{Offer: r.TLSIn.Offer}})
		collector.Add(&logfile.Record{Kind: logfile.KindRefusal, Reason: "connection: x", Source: long, TLSIn: &logfile.TLS{Offer: r.TLSIn.Offer}})
	}
	r := collector.Report()
	for what, size := range map[string][2]int{
		"in": {len(r.In), maxUses}, "out": {len(r.Out), maxUses}, "offered": {len(r.Offered), maxOffered}, "refused": {len(r.Refused), maxReasons},
		"upstream": {len(r.Upstream), maxNames}, "certs": {len(r.Certs), maxCerts}, "names": {len(r.Names), maxNames},
		"callers": {len(r.Without[0].Unknown), maxCallers}, "judged": {len(collector.judged), maxJudged - 1},
	} {
		if size[0] > size[1]+1 {
			t.Errorf("%s: %d, more than %d", what, size[0], size[1])
		}
	}
	var calls uint64
	for _, u := range r.In {
		calls += u.Calls
		if len(u.Who) > maxText+len("…") || len(u.Suite) > maxText+len("…") {
			t.Errorf("text of %d bytes", len(u.Who))
		}
	}
	if calls != n {
		t.Errorf("%d calls, want %d", calls, n)
	}
	for _, refused := range r.Refused {
		if len(refused.Offers) > maxOffers || refused.Sources > maxSources {
			t.Errorf("%d offers, %d sources", len(refused.Offers), refused.Sources)
		}
	}
}

// TestPageEscapes: nothing that a peer sends becomes markup, or reverses the text.
func TestPageEscapes(t *testing.T) {
	evil := "<script>alert(1)</script>\u202e\"'"
	r := call(evil, 1, "TLS 1.3", evil, evil, offer(evil, evil, evil))
	r.Identity, r.TLSIn.ServerName, r.TLSIn.Peer, r.TLSIn.PeerFingerprint, r.Source = evil, evil, evil, evil, evil
	refusal := &logfile.Record{Kind: logfile.KindRefusal, Reason: "connection: " + evil, Source: evil, TLSIn: &logfile.TLS{Offer: r.TLSIn.Offer}}
	outcome := &logfile.Record{Kind: logfile.KindOutcome, Upstream: evil, TLSOut: r.TLSIn, Outcome: logfile.NotSent, Detail: "no TLS connection with upstream x (" + evil + ")"}
	var b strings.Builder
	if err := report(t, Config{}, r, refusal, outcome).WriteHTML(&b, time.UTC); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if strings.Contains(page, "<script") || strings.ContainsRune(page, '\u202e') || strings.Contains(page, "http") {
		t.Errorf("page:\n%s", page)
	}
	if n := strings.Count(page, "&lt;script&gt;"); n < 14 {
		t.Errorf("only %d of the values are shown:\n%s", n, page)
	}
}

func BenchmarkAdd(b *testing.B) {
	o := offer("TLS 1.3;TLS 1.2", aes128+";"+aes256+";"+rsa256+";"+rsa128, "X25519;P-256")
	collector, err := New(Config{Policy: policy(b)})
	if err != nil {
		b.Fatal(err)
	}
	first, later := call("app", 1, "TLS 1.3", aes128, "X25519", o), call("app", 1, "TLS 1.3", aes128, "X25519", nil)
	b.ReportAllocs()
	for i := range b.N {
		if i%10 == 0 {
			collector.Add(first)
		} else {
			collector.Add(later)
		}
	}
}
