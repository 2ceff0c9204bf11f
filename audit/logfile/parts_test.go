package logfile

import (
	"strings"
	"testing"
)

// TestPartsChangeNoByte: a line that is made with parts is the line that is made without, also where it is cut.
func TestPartsChangeNoByte(t *testing.T) {
	refused := Record{Kind: KindRefusal, Caller: "app", ClaimedCaller: "other", Deprecated: true}
	for name, r := range map[string]*Record{
		"empty": {}, "refused": &refused, "full": full("x", 2), "long": full(strings.Repeat("y", 3<<10), 2), "cut": full(strings.Repeat(`"`, MaxText), 300),
	} {
		want := string(r.Append(nil))
		shared, in, out := *r, TLS{}, TLS{}
		shared.Share(NewParts(r))
		if r.TLSIn != nil {
			in, out = *r.TLSIn, *r.TLSOut
			in.Encode()
			out.Encode()
			shared.TLSIn, shared.TLSOut = &in, &out
		}
		if got := string(shared.Append(nil)); got != want {
			t.Errorf("%s:\n got %.2000s\nwant %.2000s", name, got, want)
		}
	}
}

// TestPartsOfCutMembers: parts that do not fit are not shared, since later attempts would cut them otherwise.
func TestPartsOfCutMembers(t *testing.T) {
	r := &Record{Method: strings.Repeat("M", MaxText+1)}
	if NewParts(r) != nil {
		t.Error("parts of a member that is cut")
	}
	e := TLS{ServerName: strings.Repeat("s", MaxText+1)}
	if e.Encode(); e.encoded != "" {
		t.Error("evidence that is cut is kept encoded")
	}
}

// BenchmarkAppend is of a record as most calls have it, with what calls of its connection share and without.
func BenchmarkAppend(b *testing.B) {
	for _, shared := range []bool{false, true} {
		b.Run(map[bool]string{false: "alone", true: "shared"}[shared], func(b *testing.B) {
			evidence := &TLS{Version: "TLS 1.3", Suite: "TLS_AES_256_GCM_SHA384", Group: "X25519MLKEM768", ALPN: "http/1.1", ServerName: "gateway.corp.example"}
			r := &Record{
				Kind: KindIntent, Call: "0199a3b2-7c00-7d3e-8f10-2b3c4d5e6f70", Listener: "gateway.corp.example:8443", Caller: "billing-app",
				IdentifiedBy: "access_key", Identity: "TGAPP1", Source: "10.1.2.3", SourcePort: 50123, Upstream: "bss", Site: "cn",
				Operation: "PayOrders", Effect: "spend", Method: "POST", Path: "/v3/orders/customer-orders/pay", Credential: "acme",
				Class: "customer", AccessKey: "HPUAABCDEFGHIJKLMNOP", Account: "0a1b2c3d4e5f60718293a4b5c6d7e8f9", Plan: "0123456789abcdef",
				Decision: Allowed, BodyHash: strings.Repeat("ab", 32), BodyBytes: 212, TLSIn: evidence,
			}
			if shared {
				r.Share(NewParts(r))
				evidence.Encode()
			}
			var line []byte
			for b.Loop() {
				line = r.Append(line[:0])
			}
		})
	}
}
