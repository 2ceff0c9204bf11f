package gateway_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/accept"
	"tollgate/audit"
	"tollgate/audit/logfile"
	"tollgate/gateway"
	"tollgate/tlspolicy"
)

// The first record of a connection, also of a resumed one, says what the caller offered and until when its certificate is
// valid; later ones of the connection do not.
func testOfferOncePerConnection(t *testing.T, e engine) {
	both(t, func(t *testing.T, http2 bool) {
		s := startTLS(t, behind(e))
		certificate := must(s.ca.Client("", certURI))
		client := s.client(t, http2, certificate)
		transport := client.Transport.(*http.Transport)
		transport.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		for range 2 {
			for range 3 {
				if got := do(t, client, request(t, "GET", "/echo/x", nil)); got.status != 200 {
					t.Fatalf("answer %d %s", got.status, got.body)
				}
			}
			transport.CloseIdleConnections()
		}
		records := s.log.of(logfile.KindIntent)
		if len(records) != 6 {
			t.Fatalf("%d intents", len(records))
		}
		for i, r := range records {
			first, in := i%3 == 0, r.TLSIn
			if (in.Offer != nil) != first || in.PeerNotAfter.IsZero() == first {
				t.Errorf("intent %d: offer %v, certificate until %v", i, in.Offer, in.PeerNotAfter)
			}
			if in.Resumed != (i >= 3) {
				t.Errorf("intent %d: resumed %t", i, in.Resumed)
			}
		}
		for _, i := range []int{0, 3} {
			offer := records[i].TLSIn.Offer
			if !slices.Contains(offer.Versions, "TLS 1.3") || !slices.Contains(offer.Suites, records[i].TLSIn.Suite) ||
				!slices.Contains(offer.Groups, "X25519") || offer.ServerName != "gateway.test" {
				t.Errorf("intent %d: offer %+v", i, offer)
			}
		}
	})
}

// A first call that is refused has the offer in its refusal.
func TestOfferInARefusal(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		s := startTLS(t)
		client := s.client(t, http2)
		for range 2 {
			do(t, client, request(t, "GET", "/echo/x", nil)).wantCode(t, "TG.2001")
		}
		records := s.log.of(logfile.KindRefusal)
		if len(records) != 2 || records[0].TLSIn.Offer == nil || records[1].TLSIn.Offer != nil {
			t.Errorf("log:\n%s", s.log.text())
		}
	})
}

// An offer that was in no record, because a caller has had all records that it may have, is in the next one.
func TestOfferAfterWhatIsNotRecorded(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		now := time.Now()
		s := startTLS(t, func(f *fixture) { f.config.Now = func() time.Time { return now } })
		for range 600 {
			s.config.Refusals.Known(now, &logfile.Record{Kind: logfile.KindRefusal, Caller: certCaller})
		}
		before := len(s.log.of(logfile.KindRefusal))
		client := s.client(t, http2, must(s.ca.Client("", certURI)))
		do(t, client, request(t, "GET", "/nothing", nil)).wantCode(t, "TG.4001")
		for range 2 {
			if got := do(t, client, request(t, "GET", "/echo/x", nil)); got.status != 200 {
				t.Fatalf("answer %d %s", got.status, got.body)
			}
		}
		records := s.log.of(logfile.KindIntent)
		if len(s.log.of(logfile.KindRefusal)) != before || len(records) != 2 || records[0].TLSIn.Offer == nil || records[1].TLSIn.Offer != nil {
			t.Errorf("log:\n%s", s.log.text())
		}
	})
}

// The offer in an intent that the log refuses is in the refusal; that of an intent that may still be written is in no other record, which
// would show a second connection.
func TestOfferAfterAnIntentThatIsRefused(t *testing.T) {
	for seq, inRefusal := range map[uint64]bool{0: true, 7: false} {
		s := startTLS(t, func(f *fixture) {
			f.log.intent = func(_ context.Context, r *logfile.Record) error {
				r.Seq = seq
				return audit.ErrUnavailable
			}
		})
		client := s.client(t, false, must(s.ca.Client("", certURI)))
		for range 2 {
			do(t, client, request(t, "GET", "/echo/x", nil)).wantCode(t, "TG.6001")
		}
		records := s.log.of(logfile.KindRefusal)
		if len(records) != 2 || (records[0].TLSIn.Offer != nil) != inRefusal || records[1].TLSIn.Offer != nil {
			t.Errorf("taken as %d: log:\n%s", seq, s.log.text())
		}
	}
}

// However many streams of a connection begin at once, one record has the offer.
func TestOfferOnceAmongStreams(t *testing.T) {
	offer := &tlspolicy.Offer{ServerName: "a.test"}
	ctx := connected(t.Context(), &accept.Connection{TLS: new(tls.ConnectionState), Offer: offer})
	var first, later atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if record := gateway.Evidence(ctx); record.Offer == nil {
				later.Add(1)
			} else if record.Offer.ServerName == offer.ServerName {
				first.Add(1)
			}
		})
	}
	group.Wait()
	if first.Load() != 1 || later.Load() != 7 {
		t.Errorf("%d records have the offer, %d do not", first.Load(), later.Load())
	}
}

// BenchmarkCallerEvidence is what a call costs more for the evidence of its connection: "first" with the facts and the offer,
// "later" from memory.
func BenchmarkCallerEvidence(b *testing.B) {
	hello := &tls.ClientHelloInfo{
		SupportedVersions: []uint16{tls.VersionTLS13, tls.VersionTLS12}, ServerName: "gateway.test",
		SupportedCurves: []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521},
	}
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		hello.CipherSuites = append(hello.CipherSuites, suite.ID)
	}
	state := tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, CurveID: tls.X25519}
	b.Run("handshake", func(b *testing.B) {
		for b.Loop() {
			tlspolicy.OfferOf(hello)
		}
	})
	offer := tlspolicy.OfferOf(hello)
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			state := state
			gateway.Evidence(connection(b.Context(), &state, &offer))
		}
	})
	b.Run("later", func(b *testing.B) {
		ctx := connection(b.Context(), &state, &offer)
		for b.Loop() {
			gateway.Evidence(ctx)
		}
	})
}

// connection is the context of a request, about as deep as net/http makes it.
func connection(ctx context.Context, state *tls.ConnectionState, offer *tlspolicy.Offer) context.Context {
	ctx = connected(ctx, &accept.Connection{TLS: state, Offer: offer})
	ctx = context.WithValue(ctx, http.LocalAddrContextKey, net.Addr(nil))
	return ctx
}
