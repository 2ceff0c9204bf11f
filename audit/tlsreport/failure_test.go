package tlsreport

import (
	"reflect"
	"slices"
	"testing"

	"tollgate/audit/logfile"
)

// TestRewordedTexts: the report depends on members, and not on texts, which may be empty.
func TestRewordedTexts(t *testing.T) {
	ancient := &logfile.TLS{Offer: offer("TLS 1.0", "TLS_RSA_WITH_AES_128_CBC_SHA", "P-256")}
	records := func(text func(string) string) []*logfile.Record {
		return []*logfile.Record{
			{Kind: logfile.KindRefusal, Source: "192.0.2.1", Stage: logfile.StageHandshake, TLSFailure: logfile.TLSVersion, TLSIn: ancient, Detail: text("old")},
			{Kind: logfile.KindRefusal, Source: "192.0.2.1", Stage: logfile.StageHandshake, TLSFailure: "alert_unknown_ca", Note: text("x")},
			{Kind: logfile.KindRefusal, Source: "192.0.2.1", Stage: logfile.StageConnection, Reason: "too many connections", Detail: text("full")},
			{Kind: logfile.KindRefusal, Call: "c", Source: "192.0.2.1", Stage: logfile.StageIdentify, Reason: text("connection: not tls")},
			{Kind: logfile.KindRefusals, Counts: []logfile.Count{
				{Reason: text("connection: no common version"), Stage: logfile.StageHandshake, TLSFailure: logfile.TLSVersion, Source: "192.0.2.2", Count: 40},
				{Reason: text("connection: x"), Stage: logfile.StageVerify, Source: "192.0.2.2", Count: 40},
			}},
			{Kind: logfile.KindOutcome, Call: "d", Upstream: "bss", Outcome: logfile.NotSent, Stage: logfile.StageConnect, TLSFailure: logfile.TLSAuthority,
				Detail: text("no TLS connection with upstream bss (certificate authority); no byte of the call was sent")},
			{Kind: logfile.KindOutcome, Call: "e", Upstream: "bss", Outcome: logfile.NotSent, Stage: logfile.StageConnect,
				Detail: text("no TLS connection with upstream bss (words that look like it)")},
		}
	}
	plain := report(t, Config{}, records(func(s string) string { return s })...)
	for _, reworded := range []func(string) string{
		func(string) string { return "" }, func(string) string { return "connection: not tls" },
		func(string) string { return "no TLS connection with upstream bss (not tls)" },
	} {
		if got := report(t, Config{}, records(reworded)...); !reflect.DeepEqual(got, plain) {
			t.Errorf("reworded: %+v\nplain: %+v", got, plain)
		}
	}
	var reasons []string
	for _, r := range plain.Refused {
		reasons = append(reasons, r.Reason)
	}
	slices.Sort(reasons)
	if want := []string{"no common version", "refused by peer: unknown_ca", "too many connections"}; !slices.Equal(reasons, want) || plain.Refused[0].Count != 41 {
		t.Errorf("refused %+v", plain.Refused)
	}
	if want := []Failed{{"bss", "certificate authority", 1}}; !slices.Equal(plain.Upstream, want) {
		t.Errorf("upstream %+v", plain.Upstream)
	}
}

// TestOldTexts: records of versions without the members count with those that have them.
func TestOldTexts(t *testing.T) {
	var records []*logfile.Record
	for words, code := range map[string]string{
		"version": logfile.TLSVersion, "certificate authority": logfile.TLSAuthority, "not tls": logfile.TLSNotTLS, "handshake": logfile.TLSProtocol,
		"it hung up in the handshake": logfile.TLSClosed, "it reset the connection in the handshake": logfile.TLSReset,
		"refused by peer: handshake_failure": "alert_handshake_failure",
	} {
		records = append(records,
			&logfile.Record{Kind: logfile.KindOutcome, Call: "c", Upstream: "bss", Outcome: logfile.NotSent, Detail: "no TLS connection with upstream bss (" + words + "); no byte"},
			&logfile.Record{Kind: logfile.KindOutcome, Call: "c", Upstream: "bss", Outcome: logfile.NotSent, Stage: logfile.StageConnect, TLSFailure: code})
	}
	for words, code := range map[string]string{
		"no common version": logfile.TLSVersion, "certificate revoked": logfile.TLSRevoked, "closed by peer": logfile.TLSClosed,
	} {
		records = append(records, &logfile.Record{Kind: logfile.KindRefusal, Reason: "connection: " + words},
			&logfile.Record{Kind: logfile.KindRefusal, Reason: words, Stage: logfile.StageHandshake, TLSFailure: code})
	}
	r := report(t, Config{}, records...)
	for _, f := range r.Upstream {
		if f.Calls != 2 {
			t.Errorf("upstream %+v", f)
		}
	}
	for _, f := range r.Refused {
		if f.Count != 2 {
			t.Errorf("refused %+v", f)
		}
	}
	if len(r.Upstream) != 7 || len(r.Refused) != 3 {
		t.Errorf("%d and %d reasons", len(r.Upstream), len(r.Refused))
	}
}
