package e2e

import (
	bits "encoding/binary"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// listenersNamed picks some of the listeners.
func listenersNamed(t testing.TB, names ...string) []tlsListener {
	t.Helper()
	var picked []tlsListener
	for _, l := range tlsListeners(t) {
		for _, name := range names {
			if l.name == name {
				picked = append(picked, l)
			}
		}
	}
	if len(picked) != len(names) {
		t.Fatalf("not all of %q are listeners", names)
	}
	return picked
}

// TestTLSSessions offers sessions again: where they were made they are taken up, under another policy or after a restart
// they are not, and bring no suite along that the policy lacks.
func TestTLSSessions(t *testing.T) {
	t.Parallel()
	s := newScan(t, listenersNamed(t, "huawei-ecdsa", "aes256-ecdsa"))
	for _, version := range bothVersions {
		small, any := []string{"-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"}, []string{"-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"}
		if version == "1.3" {
			small, any = []string{"-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"}, []string{"-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384"}
		}
		kept := s.file("session-" + version)
		s.session("made", s.openssl(s.gateway.address("huawei-ecdsa"), append(small, "-sess_out", kept)...), version, "AES_128", false)
		if info, err := os.Stat(kept); err != nil || info.Size() == 0 {
			t.Fatalf("TLS %s: openssl kept no session: %v", version, err)
		}
		again := func(listener string, offer []string) try {
			return s.openssl(s.gateway.address(listener), append(offer[:len(offer):len(offer)], "-sess_in", kept)...)
		}
		s.session("again", again("huawei-ecdsa", small), version, "AES_128", true)
		s.session("under another policy", again("aes256-ecdsa", any), version, "AES_256", false)
		if got := again("aes256-ecdsa", small); !got.refused(alertHandshakeFailure) {
			t.Errorf("under a policy without its suite the session is not refused\n%s", got)
		}
		early := s.openssl(s.gateway.address("huawei-ecdsa"), append(small[:len(small):len(small)], "-sess_in", kept, "-early_data", s.file("office.sk"))...)
		if version == "1.3" && strings.Contains(early.said, "Early data was accepted") {
			t.Errorf("early data is accepted\n%s", early)
		}
	}
	s.afterRestart()
}

// afterRestart starts the same listener with the narrower policy, in a new process.
func (s *scan) afterRestart() {
	s.gateway.stop()
	narrow := listenersNamed(s.t, "aes256-ecdsa")[0]
	narrow.name = "huawei-ecdsa"
	s.gateway = s.configure(tlsConfiguration([]tlsListener{narrow})).start()
	address := s.gateway.address("huawei-ecdsa")
	for version, offer := range map[string]string{"1.2": "-tls1_2", "1.3": "-tls1_3"} {
		kept := s.file("session-" + version)
		s.session("after a restart", s.openssl(address, offer, "-sess_in", kept), version, "AES_256", false)
	}
	if got := s.openssl(address, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256", "-sess_in", s.file("session-1.2")); !got.refused(alertHandshakeFailure) {
		s.t.Errorf("after a restart the session is not refused\n%s", got)
	}
}

func (s *scan) session(what string, got try, version, cipher string, resumed bool) {
	s.t.Helper()
	suite := strings.ReplaceAll(got.suite, "AES1", "AES_1")
	suite = strings.ReplaceAll(strings.ReplaceAll(suite, "AES2", "AES_2"), "-", "_")
	if !got.answered || got.version != version || !strings.Contains(suite, cipher) || got.resumed != resumed {
		s.t.Errorf("TLS %s, %s: resumed %t, want %t with %s\n%s", version, what, got.resumed, resumed, cipher, got)
	}
}

// TestTLSManners has what a handshake says besides suites: ALPN, names, fallback, renegotiation, compression.
func TestTLSManners(t *testing.T) {
	t.Parallel()
	s := newScan(t, listenersNamed(t, "huawei-ecdsa", "aes256-ecdsa", "only-cca9-ecdsa"))
	wide, narrow := s.gateway.address("huawei-ecdsa"), s.gateway.address("aes256-ecdsa")
	for what, c := range map[string]struct {
		got  try
		alpn string // in an answered call
		want int    // alert
	}{
		"HTTP/1.1 asked for":                     {s.openssl(wide, "-alpn", "http/1.1"), "http/1.1", 0},
		"no protocol asked for":                  {s.openssl(wide), "", 0},
		"HTTP/2 where its suite is not allowed":  {s.openssl(narrow, "-alpn", "h2,http/1.1"), "http/1.1", 0},
		"HTTP/2 only, where it is not allowed":   {s.openssl(narrow, "-alpn", "h2"), "", alertNoApplicationProtocol},
		"another protocol":                       {s.openssl(wide, "-alpn", "spdy/3"), "", alertNoApplicationProtocol},
		"no name":                                {s.gnutls(wide, "NORMAL", "--disable-sni"), "", 0},
		"another name: the Host decides":         {s.openssl(wide, "-servername", "other.example"), "", 0},
		"a fallback that was not needed":         {s.openssl(wide, "-tls1_2", "-fallback_scsv"), "", alertInappropriateFallback},
		"a fallback to the highest version":      {s.openssl(s.gateway.address("only-cca9-ecdsa"), "-tls1_2", "-fallback_scsv"), "", 0},
		"signatures with SHA-1 only":             {s.openssl(wide, "-tls1_2", "-cipher", "ALL:@SECLEVEL=0", "-sigalgs", "ECDSA+SHA1:RSA+SHA1"), "", alertHandshakeFailure},
		"a heartbeat, which is not to be spoken": {s.gnutls(wide, "NORMAL", "--heartbeat"), "", 0},
	} {
		if c.want != 0 && !c.got.refused(c.want) || c.want == 0 && (!c.got.answered || c.got.alpn != c.alpn) {
			t.Errorf("%s: ALPN %q, want alert %d, ALPN %q\n%s", what, c.got.alpn, c.want, c.alpn, c.got)
		}
	}
	s.curlProtocols()
	s.renegotiates(wide)
	for _, address := range []string{wide, narrow} {
		s.malformed(address)
	}
}

// curlProtocols sees which HTTP curl ends up with.
func (s *scan) curlProtocols() {
	s.t.Helper()
	for listener, want := range map[string]string{"huawei-ecdsa": "2 200", "aes256-ecdsa": "1.1 200"} {
		_, port, _ := strings.Cut(s.gateway.address(listener), ":")
		got := tool(s.t, "", "curl", "--silent", "--show-error", "--http2", "--cacert", s.file("ca.pem"), "--cert", s.file("shop.crt"), "--key", s.file("shop.key"),
			"--resolve", gatewayName+":"+port+":127.0.0.1", "--output", s.file("curl.out"), "--write-out", "%{http_version} %{http_code}",
			"https://"+gatewayName+":"+port+"/v2/accounts/customer-accounts/balances")
		if got != want {
			s.t.Errorf("curl --http2 at %s: %q, want %q", listener, got, want)
		}
	}
	_, port, _ := strings.Cut(s.gateway.address("huawei-ecdsa"), ":")
	status := tool(s.t, "", "curl", "--silent", "--cacert", s.file("ca.pem"), "--cert", s.file("shop.crt"), "--key", s.file("shop.key"), "--header", "Host: other.example",
		"--resolve", gatewayName+":"+port+":127.0.0.1", "--output", s.file("curl.out"), "--write-out", "%{http_code}", "https://"+gatewayName+":"+port+"/")
	if status != "421" {
		s.t.Errorf("another Host is answered %s, want 421", status)
	}
}

// renegotiates asks for a second handshake in an open connection of TLS 1.2.
func (s *scan) renegotiates(address string) {
	s.t.Helper()
	said := tool(s.t, "R\n", "openssl", "s_client", "-connect", address, "-servername", gatewayName, "-CAfile", s.file("ca.pem"), "-tls1_2")
	if !strings.Contains(said, "RENEGOTIATING") || !strings.Contains(said, "SSL alert number") && !strings.Contains(said, "error:") {
		s.t.Errorf("a second handshake is not refused:\n%s", said)
	}
}

// malformed sends what is not quite a ClientHello. Each must be answered with an alert that ends the connection, and
// nothing of it reach the gateway's log as a call.
func (s *scan) malformed(address string) {
	s.t.Helper()
	hello := rawHello(0x0303, []uint16{0xC02C}, []byte{0})
	long := append([]byte(nil), hello...)
	bits.BigEndian.PutUint16(long[3:], 1<<14+2049)
	cut := append([]byte(nil), hello...)
	cut[recordHeader+3]-- // the message ends before its extensions
	for what, c := range map[string]struct {
		sent  []byte
		alert byte
	}{
		"SSL 3.0":                       {rawHello(0x0300, []uint16{0xC02C}, []byte{0}), alertProtocolVersion},
		"no null compression":           {rawHello(0x0303, []uint16{0xC02C}, []byte{1}), 47},
		"all numbers that no suite has": {rawHello(0x0303, []uint16{0x00FE, 0x5600 - 1, 0xEEEE, 0xFFFE}, []byte{0}), alertHandshakeFailure},
		"an oversized record":           {long, 22},
		"a message cut short":           {cut, 50},
		"no ClientHello":                {[]byte{22, 3, 3, 0, 4, 14, 0, 0, 0}, 10},
	} {
		got := rawExchange(s.t, address, c.sent)
		if len(got) != recordHeader+2 || got[0] != 21 || got[5] != 2 || got[6] != c.alert {
			s.t.Errorf("%s: answered %x, want the fatal alert %d", what, got, c.alert)
		}
	}
	if got := rawExchange(s.t, address, []byte{0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10}); len(got) > 0 && got[0] != 21 {
		s.t.Errorf("SSL 2.0: answered %x", got)
	}
}

// rawHello makes a record with a ClientHello (RFC 5246 section 7.4.1.2) that has groups and signatures as extensions.
func rawHello(version uint16, suites []uint16, compression []byte) []byte {
	body := bits.BigEndian.AppendUint16(nil, version)
	body = append(append(body, make([]byte, 32)...), 0)
	body = bits.BigEndian.AppendUint16(body, uint16(2*len(suites)))
	for _, code := range suites {
		body = bits.BigEndian.AppendUint16(body, code)
	}
	body = append(append(body, byte(len(compression))), compression...)
	extensions := []byte{0, 10, 0, 4, 0, 2, 0, 0x17, 0, 13, 0, 4, 0, 2, 4, 3}
	body = append(bits.BigEndian.AppendUint16(body, uint16(len(extensions))), extensions...)
	record := []byte{22, 3, 1, 0, 0, 1, 0, 0, 0}
	bits.BigEndian.PutUint16(record[3:], uint16(len(body)+4))
	bits.BigEndian.PutUint16(record[7:], uint16(len(body)))
	return append(record, body...)
}

// rawExchange sends bytes and reads until the other side ends.
func rawExchange(t testing.TB, address string, sent []byte) []byte {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = conn.Write(sent)
	got, err := io.ReadAll(conn)
	if err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the connection does not end: %v", err)
	}
	return got
}

// TestTLSAllNumbers offers every number that a suite can have, but for those of the policy: none of them is taken, and
// with one of the policy's among them that one is. Also the mark against downgrades (RFC 8446 section 4.1.3) is there.
func TestTLSAllNumbers(t *testing.T) {
	t.Parallel()
	listeners := listenersNamed(t, "huawei-ecdsa", "aes256-ecdsa", "only-cca9-ecdsa")
	s := newScan(t, listeners)
	const chunk = 4096
	for _, l := range listeners {
		for from := 0; from < 1<<16; from += chunk {
			var offer []uint16
			for code := from; code < from+chunk; code++ {
				signal := code == 0x5600 || code == 0x00FF // no suites: RFC 7507, RFC 5746
				if !signal && !l.expects(suite{code: uint16(code)}) {
					offer = append(offer, uint16(code))
				}
			}
			got := rawExchange(t, s.gateway.address(l.name), rawHello(0x0303, offer, []byte{0}))
			if len(got) != recordHeader+2 || got[0] != 21 || got[6] != alertHandshakeFailure {
				t.Errorf("%s answers an offer of the suites from %04x with %.64x", l.name, from, got)
			}
		}
		s.downgrade(l)
	}
}

// downgrade looks at the end of the random of a ServerHello for TLS 1.2.
func (s *scan) downgrade(l tlsListener) {
	s.t.Helper()
	last := l.suites[len(l.suites)-1]
	for _, code := range l.suites {
		if code>>8 != 0x13 {
			last = code
		}
	}
	hello := s.serverHello(l, rawHello(0x0303, []uint16{0xEEEE, last}, []byte{0}))
	marked := string(hello[len(hello)-8:]) == "DOWNGRD\x01"
	if want := len(l.versions) == 2; marked != want {
		s.t.Errorf("%s: the mark against downgrades is there: %t, want %t", l.name, marked, want)
	}
}

// serverHello is the beginning of the record in which a listener answers a ClientHello, up to the end of its random.
func (s *scan) serverHello(l tlsListener, hello []byte) []byte {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.gateway.address(l.name))
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = conn.Write(hello)
	answer := make([]byte, recordHeader+4+2+32)
	if _, err := io.ReadFull(conn, answer); err != nil || answer[0] != 22 {
		s.t.Errorf("%s does not answer %x: %x %v", l.name, hello, answer, err)
	}
	return answer
}

// TestLegacyVersion: a peer that writes more than TLS 1.2 into legacy_version and sends no supported_versions is served in TLS 1.2
// (RFC 8446 section 4.2.1), and is not said to have offered TLS 1.3.
func TestLegacyVersion(t *testing.T) {
	t.Parallel()
	s := newScan(t, listenersNamed(t, "huawei-ecdsa", "huawei-high-ecdsa", "aes256-ecdsa"))
	for _, l := range listenersNamed(t, "huawei-ecdsa", "huawei-high-ecdsa", "aes256-ecdsa") {
		for _, version := range []uint16{0x0304, 0x0305, 0xFFFF} {
			if answer := s.serverHello(l, rawHello(version, []uint16{0xC02C}, []byte{0})); bits.BigEndian.Uint16(answer[recordHeader+4:]) != 0x0303 {
				t.Errorf("%s answers legacy_version %04x with %x", l.name, version, answer)
			}
		}
	}
	s.gateway.stop()
	offers := 0
	for _, r := range s.records() {
		if r.TLSIn == nil || r.TLSIn.Offer == nil {
			continue
		}
		if offers++; !slices.Equal(r.TLSIn.Offer.Versions, []string{"TLS 1.2", "TLS 1.1", "TLS 1.0"}) {
			t.Errorf("on record is an offer of %q", r.TLSIn.Offer.Versions)
		}
	}
	if offers == 0 {
		t.Error("no offer is on record")
	}
}
