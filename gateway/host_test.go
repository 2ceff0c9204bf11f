package gateway_test

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/accept"
	"tollgate/audit/logfile"
)

func withHost(host string) string { return strings.Replace(look(), "gateway.test", host, 1) }

// A listener is spoken to by its own names only: a foreign name on a loopback address is how web pages get there.
func TestHost(t *testing.T) {
	tests := []struct {
		host string
		code string
	}{
		{"gateway.test", ""}, {"GateWay.Test", ""}, {"gateway.test:8080", ""}, {"127.0.0.1:1", ""}, {"localhost", ""}, {"[::1]:8080", ""}, {"[::1]", ""},
		{"gateway.test:", ""}, {"gateway.test.", ""}, {"localhost.", ""}, {"GateWay.Test.:8080", ""}, {"gateway.test..", "TG.4006"}, {".", "TG.4006"},
		{"[::1].", "TG.4006"}, {"[::1.]", "TG.4006"},
		{"evil.test", "TG.4006"}, {"gateway.test.evil.test", "TG.4006"}, {"127.0.0.1.evil.test", "TG.4006"},
		{"127.0.0.2", "TG.4006"}, {"evil.test:80", "TG.4006"}, {"127.0.0.1:evil.test", "TG.4006"}, {"::1", "TG.4006"},
		{"[[::1]]", "TG.4006"}, {"[::1", "TG.4006"}, {"", "TG.4006"}, {"gateway.test:80:80", "TG.4006"},
	}
	for _, tt := range tests {
		t.Run(tt.host, func(t *testing.T) {
			f := start(t, fixed)
			f.listener.Hosts = append(f.listener.Hosts, "::1")
			got := f.send(t, withHost(tt.host))
			if got.code() != tt.code {
				t.Errorf("answer %d %s, want %q", got.status, got.body, tt.code)
			}
			if tt.code != "" {
				f.origin.none(t)
			}
		})
	}
}

// A route with hosts serves those names only, and other names do not reach it.
func TestRouteByHost(t *testing.T) {
	f := start(t)
	call := signed{caller: customerCaller, method: "GET", target: readTarget, host: "intl.test"}
	if got := f.call(t, call); got.status != 200 {
		t.Fatalf("answer %d %s", got.status, got.body)
	}
	if r := f.log.only(t, logfile.KindIntent); r.Upstream != "bss-intl" || r.Site != "intl" || r.Credential != "acme-intl" {
		t.Errorf("intent %+v", r)
	}
	app := signed{caller: partnerCaller, method: "GET", target: "/app/x", host: "intl.test"}
	f.call(t, app).wantCode(t, "TG.4001")
	// A name that no route has.
	f.listener.Routes = f.listener.Routes[1:]
	f.call(t, signed{caller: customerCaller, method: "GET", target: readTarget}).wantCode(t, "TG.4006")
}

// What a browser sends for a page is refused by a local listener, and only there.
func TestWebPagesAreRefused(t *testing.T) {
	for _, header := range []string{
		"Origin: http://evil.test", "Origin: null", "Origin:", "Sec-Fetch-Site: cross-site", "sec-fetch-dest: image", "Sec-Fetch-User: ?1",
		"Referer: https://evil.test/", "X-Playback-Session-Id: 5E8B1F3A",
		"User-Agent: AppleCoreMedia/1.0.0.21F90 (Macintosh; U; Intel Mac OS X 14_5; en_us)", // <audio> and <video> of Safari
		"User-Agent: MobileSafari/8618.2.12.10.9 CFNetwork/1498.700.2 Darwin/23.6.0",        // <link rel=apple-touch-icon>
		"User-Agent: com.apple.WebKit.Networking/8618.2.12.10.9 CFNetwork/1498.700.2 Darwin/23.6.0",
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Goanna/6.7 PaleMoon/33.3", "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Servo/1.0 Firefox/128.0",
		"User-Agent: Mozilla/5.0 (compatible; Konqueror/4.5; Linux) KHTML/4.5.4 (like Gecko)", "User-Agent: Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)",
		"User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
		"User-Agent: Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
		"User-Agent: Opera/9.80 (Windows NT 6.1; U; en) Presto/2.12.388 Version/12.18",
	} {
		t.Run(header, func(t *testing.T) {
			f := start(t, fixed)
			f.send(t, plain("POST", payTarget, payBody, header)).wantCode(t, "TG.3008")
			f.origin.none(t)
			remote := start(t, fixed, func(f *fixture) { f.listener.Local = false })
			if got := remote.send(t, plain("POST", payTarget, payBody, header)); got.status != 200 {
				t.Errorf("a listener that is not local refused: %s", got.body)
			}
		})
	}
}

// A unix socket: no address to record, everything else the same.
func testUnixSocket(t *testing.T, e engine) {
	path := filepath.Join(t.TempDir(), "s")
	listener, err := accept.Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	f := prepare(t, behind(e), fixed)
	f.serve(t, listener, nil)
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	conn := newRaw(t, c)
	conn.write(pay())
	if got := conn.answer(); got.status != 200 {
		t.Fatalf("answer %d %s", got.status, got.body)
	}
	if r := f.log.only(t, logfile.KindIntent); r.Source != "local" || r.SourcePort != 0 || r.Caller != localCaller {
		t.Errorf("intent of %q from %q", r.Caller, r.Source)
	}
	conn.write(plain("POST", payTarget, payBody, "Origin: http://evil.test"))
	conn.answer().wantCode(t, "TG.3008")
	conn.write(withHost("evil.test"))
	conn.answer().wantCode(t, "TG.4006")
}
