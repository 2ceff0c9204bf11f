package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bss/v2/model"

	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
)

// shopClaim is the header of a call that names the shop's access key, by a peer that does not know its secret.
func shopClaim() []string {
	return []string{
		"X-Sdk-Date: " + time.Now().UTC().Format("20060102T150405Z"),
		"Authorization: SDK-HMAC-SHA256 Access=" + shopKey + ", SignedHeaders=x-sdk-date, Signature=" + strings.Repeat("0", 64),
	}
}

// othersCall checks that a caller of the same address with another key, and a caller that needs no key, are served.
func (w *world) othersCall(p *process) {
	w.t.Helper()
	office := w.office(p).at(p.address("keys")).bss(w.t)
	for range 5 {
		if _, err := office.ListServiceTypes(&model.ListServiceTypesRequest{}); err != nil {
			w.t.Errorf("the office: %v", err)
		}
		pay := request(w.t, "POST", "http://"+p.address("plain")+"/v3/orders/customer-orders/pay", `{"order_id":"CS-of-the-43-byte-body","use_coupon":"NO"}`)
		if got := send(w.t, http.DefaultTransport, pay); strings.HasPrefix(got.code, "TG.6") {
			w.t.Errorf("the shop on a listener of its own: %s", got.code)
		}
	}
}

// TestHeldBodies: with the id of a key and no secret, 51 connections announce bodies of 12 MiB, 1 MiB and 64 KiB, send a part and
// fall silent. All others are served meanwhile, and the silent ones are cut off for their pace.
func TestHeldBodies(t *testing.T) {
	w := newWorld(t, bsssim.Config{}).configure(standard + unlimited)
	p := w.start()
	var held []net.Conn
	for i := range 51 {
		c := dial(t, p.address("keys"))
		held = append(held, c)
		length := []int{12 << 20, 1 << 20, 64 << 10}[i%3]
		_ = c.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)) // what is refused is not read
		_, _ = fmt.Fprintf(c, "POST /v3/orders/customer-orders/pay HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n%s\r\n\r\n%s",
			length, strings.Join(shopClaim(), "\r\n"), strings.Repeat("x", length/2))
	}
	w.othersCall(p)
	for _, c := range held {
		_, _ = io.Copy(io.Discard, c)
	}
	if p.metric(`tollgate_cut_off_total{cause="pace",setting="body pace"}`) == 0 {
		t.Error("no peer was cut off for the pace of bodies")
	}
	if !strings.Contains(p.log(), `"setting":"body pace"`) {
		t.Error("no log line names the pace")
	}
}

// TestStreamsWithoutBodies: 8 sources with 4 connections and 32 streams each announce bodies that do not come.
func TestStreamsWithoutBodies(t *testing.T) {
	w := newWorld(t, bsssim.Config{}).configure(standard + unlimited)
	p := w.start()
	for source := range 8 {
		for range 4 {
			d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 2, byte(source+1))}}
			c, err := tls.DialWithDialer(d, "tcp", p.address("https"), &tls.Config{RootCAs: w.pool(), ServerName: gatewayName, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12})
			if err != nil {
				t.Fatal(err)
			}
			h := newH2(t, c)
			for i := range 32 {
				fields := append(standardFields("POST", "/v3/orders/customer-orders/pay"), "content-length: 10")
				for _, line := range shopClaim() {
					name, value, _ := strings.Cut(line, ": ")
					fields = append(fields, strings.ToLower(name)+": "+value)
				}
				h.headers(uint32(2*i+1), false, fields...)
			}
		}
	}
	eventually(t, "the shop's key is starved", func() bool {
		return p.metric(`tollgate_cut_off_total{cause="access_key",setting="bounds.calls"}`) > 0
	})
	w.othersCall(p)
}

// TestProbesTakeNoPlace: six connections that are closed without a word, then a client of TLS 1.1 from the same address, whose offer
// is on record.
func TestProbesTakeNoPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(standard + unlimited)
	p := w.start()
	const silent = "closed before its first byte"
	for range 6 {
		_ = dial(t, p.address("https")).Close()
	}
	eventually(t, "the probes are counted", func() bool {
		_, metrics := p.admin("/metrics")
		return strings.Contains(metrics, `tollgate_connections_refused_total{listener="https",reason="`+silent+`"} 6`)
	})
	_, err := tls.Dial("tcp", p.address("https"), &tls.Config{RootCAs: w.pool(), ServerName: gatewayName, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err == nil {
		t.Fatal("TLS 1.1 was taken")
	}
	p.stop()
	var offers [][]string
	for _, r := range w.records() {
		if strings.Contains(r.Reason, silent) {
			t.Errorf("a probe is on record: %+v", r)
		}
		if r.Kind == logfile.KindRefusal && r.TLSIn != nil && r.TLSIn.Offer != nil {
			offers = append(offers, r.TLSIn.Offer.Versions)
		}
	}
	if len(offers) != 1 || offers[0][0] != "TLS 1.1" {
		t.Errorf("offers on record: %v", offers)
	}
	if !strings.Contains(p.log(), silent) {
		t.Error("the probes are not in the debug log")
	}
}
