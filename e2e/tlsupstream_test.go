package e2e

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
	"tollgate/internal/testpki"
)

// upstreamName is the name that upstreams of these tests must prove.
const upstreamName = "bss.example"

// farEnd plays the upstream, behind a recorder.
type farEnd struct {
	name  string
	front *recorder
	said  func() string // what the program put out; the requests that it decrypted are in it
	shown string        // the gateway's client certificate for it, by the name of its files; empty: none
}

// recorder passes connections on to an upstream and keeps what the gateway sends, as it is on the wire.
type recorder struct {
	listener net.Listener
	behind   string // address of the upstream
	cut      int64  // how many bytes of each answer are passed on; below 0: all

	mu   sync.Mutex
	sent []*bytes.Buffer // one for each connection
}

func (w *world) record(behind string, cut int64) *recorder {
	w.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	r := &recorder{listener: listener, behind: behind, cut: cut}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { r.pass(conn) })
		}
	})
	w.t.Cleanup(func() { _ = listener.Close(); running.Wait() })
	return r
}

func (r *recorder) pass(near net.Conn) {
	defer near.Close()
	sent := &bytes.Buffer{}
	r.mu.Lock()
	r.sent = append(r.sent, sent)
	r.mu.Unlock()
	far, err := net.Dial("tcp", r.behind)
	if err != nil {
		return
	}
	defer far.Close()
	deadline := time.Now().Add(patience) // ends what hangs
	_, _ = near.SetDeadline(deadline), far.SetDeadline(deadline)
	var answers io.Reader = far
	if r.cut >= 0 {
		answers = io.LimitReader(far, r.cut)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(near, answers)
		_, _ = near.Close(), far.Close() // the gateway sees the end at once, whichever side caused it
	}()
	_, _ = io.Copy(far, io.TeeReader(near, lockedWriter{r, sent}))
	if half, ok := far.(*net.TCPConn); ok {
		_ = half.CloseWrite()
	}
	<-done
}

type lockedWriter struct {
	r   *recorder
	out *bytes.Buffer
}

func (l lockedWriter) Write(b []byte) (int, error) {
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	return l.out.Write(b)
}

func (r *recorder) connections() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all [][]byte
	for _, sent := range r.sent {
		all = append(all, bytes.Clone(sent.Bytes()))
	}
	return all
}

// Records of TLS as they are on the wire (RFC 8446 section 5): type, version, length, fragment.
const (
	recordHeader    = 5
	applicationData = 23
)

// encryptedAlert is the largest fragment that an alert of TLS 1.3 takes: two bytes, the inner type, the tag. In TLS 1.3 an
// alert looks like application data. Any request is larger.
const encryptedAlert = 2 + 1 + 16

// largestSecret returns the size of the largest record of application data in what was sent; what is not TLS counts whole.
func largestSecret(sent []byte) int {
	largest := 0
	for len(sent) >= recordHeader {
		size := int(sent[3])<<8 | int(sent[4])
		if sent[0] < 20 || sent[0] > applicationData || sent[1] != 3 {
			return len(sent)
		}
		if sent[0] == applicationData {
			largest = max(largest, size)
		}
		sent = sent[min(len(sent), recordHeader+size):]
	}
	return largest
}

// opensslServer runs openssl s_server until the test ends.
func (w *world) opensslServer(args ...string) (address string, said func() string) {
	w.t.Helper()
	cmd := exec.Command("openssl", append([]string{"s_server", "-accept", "127.0.0.1:0"}, args...)...)
	_, inputErr := cmd.StdinPipe() // held open: s_server ends with its input
	output, err := cmd.StdoutPipe()
	cmd.Stderr = cmd.Stdout
	if err = errors.Join(err, inputErr); err == nil {
		err = cmd.Start()
	}
	if err != nil {
		w.t.Fatalf("openssl s_server: %v", err)
	}
	var mu sync.Mutex
	var text strings.Builder
	listening, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewReader(output); ; {
			line, err := lines.ReadString('\n')
			mu.Lock()
			text.WriteString(line)
			mu.Unlock()
			if where, ok := strings.CutPrefix(line, "ACCEPT "); ok {
				listening <- strings.TrimSpace(where)
			}
			if err != nil {
				return
			}
		}
	}()
	w.t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended; _ = cmd.Wait() })
	said = func() string { mu.Lock(); defer mu.Unlock(); return text.String() }
	select {
	case address = <-listening:
	case <-ended:
		w.t.Fatalf("openssl s_server %q ends:\n%s", args, said())
	case <-time.After(patience):
		w.t.Fatalf("openssl s_server %q does not say where it listens:\n%s", args, said())
	}
	return address, said
}

// opensslEnd is an openssl s_server with a certificate of the world's, by the name of its files.
func (w *world) opensslEnd(name, certificate string, args ...string) farEnd {
	w.t.Helper()
	address, said := w.opensslServer(append([]string{"-cert", w.file(certificate + ".crt"), "-key", w.file(certificate + ".key")}, args...)...)
	return farEnd{name: name, front: w.record(address, -1), said: said}
}

// rawEnd is an upstream that does what it likes with a connection.
func (w *world) rawEnd(name string, serve func(net.Conn)) farEnd {
	w.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			running.Go(func() { defer conn.Close(); serve(conn) })
		}
	})
	w.t.Cleanup(func() { _ = listener.Close(); running.Wait() })
	return farEnd{name: name, front: w.record(listener.Addr().String(), -1), said: func() string { return "" }}
}

// upstreamWorld makes the certificates that upstreams show. roots.pem has the authorities that the gateway trusts.
func upstreamWorld(t testing.TB) *world {
	t.Helper()
	w := newWorld(t, bsssim.Config{})
	right := testpki.Leaf{Names: []string{upstreamName}, Server: true}
	w.issue("right", right)
	rsa := right
	rsa.Key = testpki.RSA
	w.issue("right-rsa", rsa)
	for name, change := range map[string]func(*testpki.Leaf){
		"expired": func(l *testpki.Leaf) {
			l.NotBefore, l.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
		},
		"early": func(l *testpki.Leaf) {
			l.NotBefore, l.NotAfter = time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
		},
		"wrong-name":  func(l *testpki.Leaf) { l.Names = []string{"other.example", "bss.example.other.example", "127.0.0.1"} },
		"common-name": func(l *testpki.Leaf) { l.Names, l.CommonName = nil, upstreamName },
		"client":      func(l *testpki.Leaf) { l.Server = false },
	} {
		leaf := right
		change(&leaf)
		w.issue(name, leaf)
	}
	foreign := testpki.Must(testpki.Must(testpki.New()).Issue(right))
	if err := testpki.WriteFiles(foreign, w.file("foreign.crt"), w.file("foreign.key")); err != nil {
		t.Fatal(err)
	}
	w.weakCertificates()
	return w
}

// weakCertificates makes with openssl what testpki does not: a certificate of its own, one with a short key, and one with
// a weak signature; the last two by an authority that the gateway trusts.
func (w *world) weakCertificates() {
	w.t.Helper()
	name := []string{"-nodes", "-subj", "/CN=weak", "-addext", "subjectAltName=DNS:" + upstreamName}
	request := func(file, key string, args ...string) {
		args = append(slices.Concat([]string{"req", "-x509", "-days", "2", "-newkey", key, "-keyout", w.file(file + ".key"), "-out", w.file(file + ".crt")}, args), name...)
		w.made(file+".crt", tool(w.t, "", "openssl", args...))
	}
	issued := func(file, key, digest string) {
		request(file, key, "-CA", w.file("weak-ca.crt"), "-CAkey", w.file("weak-ca.key"), "-"+digest, "-addext", "basicConstraints=critical,CA:FALSE")
	}
	request("weak-ca", "rsa:2048")
	request("self-signed", "rsa:2048")
	issued("rsa1024", "rsa:1024", "sha256")
	issued("sha1", "rsa:2048", "sha1")
	issued("strong", "rsa:2048", "sha256")
	var roots []byte
	for _, file := range []string{"ca.pem", "weak-ca.crt"} {
		text, err := os.ReadFile(w.file(file))
		if err != nil {
			w.t.Fatal(err)
		}
		roots = append(roots, text...)
	}
	w.write("roots.pem", string(roots))
}

func (w *world) made(file, said string) {
	w.t.Helper()
	if _, err := w.stat(file); err != nil {
		w.t.Fatalf("%s was not made: %v\n%s", file, err, said)
	}
}

// serveUpstreams starts a gateway with these upstreams, all under one policy.
func (w *world) serveUpstreams(policy, custom string, ends []farEnd) *process {
	w.t.Helper()
	text := "listeners: [{name: plain, address: \"127.0.0.1:0\", caller: shop, upstreams: ["
	upstreams, credentials, grants := "upstreams:\n", "credentials:\n", ""
	for i, end := range ends {
		text += fmt.Sprintf("u%d, ", i)
		shown := ""
		if end.shown != "" {
			shown = fmt.Sprintf(", client_certificate: {cert: %[1]s.crt, key: %[1]s.key}", end.shown)
		}
		upstreams += fmt.Sprintf("  u%d: {url: \"https://%s\", sign: true, timeout: 20s, tls: {policy: %s, ca: roots.pem, server_name: %s%s}, endpoints: [\n"+
			"    {name: Pay%d, method: POST, path: /u%d/pay, effect: spend, class: customer}, {name: Show%d, method: GET, path: /u%d/show, effect: read, class: customer}]}\n",
			i, end.front.listener.Addr(), policy, upstreamName, shown, i, i, i, i)
		credentials += fmt.Sprintf("  c%d: {class: customer, upstream: u%d, access_key: {env: C17_AK}, secret_key: {env: C17_SK}}\n", i, i)
		grants += fmt.Sprintf("      - {operations: [Pay%d, Show%d], credential: c%d}\n", i, i, i)
	}
	text = strings.TrimSuffix(text, ", ") + "]}]\n" + upstreams + credentials + "callers:\n  shop:\n    grants:\n" + grants
	if custom != "" {
		text += "tls_policies: {" + policy + ": {" + custom + "}}\n"
	}
	return w.configure(text + "audit: {dir: audit}\nadmin: {address: \"127.0.0.1:0\"}\nlog: {level: debug, format: json}\n").start()
}

// order is in the body of each payment, and nowhere else.
const order = "CS-secret-order-7431"

func (w *world) pay(p *process, i int) answer {
	w.t.Helper()
	return send(w.t, http.DefaultTransport, request(w.t, "POST", fmt.Sprintf("http://%s/u%d/pay", p.address("plain"), i), `{"order_id":"`+order+`"}`))
}

func (w *world) show(p *process, i int) answer {
	w.t.Helper()
	return send(w.t, http.DefaultTransport, request(w.t, "GET", fmt.Sprintf("http://%s/u%d/show", p.address("plain"), i), ""))
}

// outcomes stops the gateway and returns the outcomes on record, by call id.
func (w *world) outcomes(p *process) map[string]logfile.Record {
	w.t.Helper()
	p.stop()
	all := map[string]logfile.Record{}
	for _, r := range w.records() {
		if r.Kind == logfile.KindOutcome {
			all[r.Call] = r
		}
	}
	return all
}

// wrongUpstreams are those that the gateway must send nothing to.
func (w *world) wrongUpstreams() []farEnd {
	const lax = ":@SECLEVEL=0"
	right, err := tls.LoadX509KeyPair(w.file("right.crt"), w.file("right.key"))
	if err != nil {
		w.t.Fatal(err)
	}
	ends := []farEnd{
		w.opensslEnd("self-signed", "self-signed"),
		w.opensslEnd("short key", "rsa1024", "-cipher", "ALL"+lax),
		w.opensslEnd("short key in 1.2", "rsa1024", "-tls1_2", "-cipher", "ALL"+lax),
		w.opensslEnd("signed with SHA-1", "sha1", "-cipher", "ALL"+lax),
		w.opensslEnd("TLS 1.0", "right", "-tls1", "-cipher", "ALL"+lax),
		w.opensslEnd("TLS 1.1", "right-rsa", "-tls1_1", "-cipher", "ALL"+lax),
		w.opensslEnd("CBC", "right-rsa", "-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA384:AES128-SHA"),
		w.opensslEnd("CBC with ECDSA", "right", "-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA256"),
		w.opensslEnd("RSA key exchange", "right-rsa", "-tls1_2", "-cipher", "AES256-GCM-SHA384"),
		w.opensslEnd("DHE", "right-rsa", "-tls1_2", "-cipher", "DHE-RSA-AES256-GCM-SHA384"),
		w.opensslEnd("no authentication", "right-rsa", "-tls1_2", "-cipher", "ADH-AES256-GCM-SHA384:AECDH-AES256-SHA"+lax),
		w.opensslEnd("no encryption", "right-rsa", "-tls1_2", "-cipher", "eNULL"+lax),
		w.opensslEnd("a suite of 1.3 off the list", "right", "-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_8_SHA256"),
		w.opensslEnd("CCM", "right", "-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256"),
		w.opensslEnd("a group off the list", "right", "-tls1_3", "-groups", "X448:ffdhe2048"),
		w.opensslEnd("a group off the list in 1.2", "right-rsa", "-tls1_2", "-groups", "secp256k1:brainpoolP256r1:X448"),
		w.opensslEnd("HTTP/2 only", "right", "-alpn", "h2"),
		w.opensslEnd("wants a certificate in 1.2", "right", "-tls1_2", "-Verify", "1", "-verify_return_error"),
		w.rawEnd("leaves at once", func(net.Conn) {}),
		w.rawEnd("leaves after the offer", func(c net.Conn) { _, _ = c.Read(make([]byte, recordHeader)) }),
		w.rawEnd("speaks plain HTTP", func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") }),
		w.rawEnd("speaks first", func(c net.Conn) {
			_, _ = io.WriteString(c, "220 smtp.example ESMTP\r\n")
			_, _ = io.Copy(io.Discard, c)
		}),
		w.rawEnd("sends an alert", func(c net.Conn) { _, _ = c.Write([]byte{21, 3, 3, 0, 2, 2, 80}) }),
	}
	for _, certificate := range []string{"expired", "early", "wrong-name", "common-name", "client", "foreign"} {
		ends = append(ends, w.opensslEnd(certificate, certificate), w.opensslEnd(certificate+" in 1.2", certificate, "-tls1_2"))
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		whole := w.rawEnd("", func(c net.Conn) {
			_ = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{right}, MinVersion: version, MaxVersion: version}).Handshake()
		})
		ends = append(ends, farEnd{name: "is cut off in its handshake, " + tls.VersionName(version), front: w.record(whole.front.behind, 200), said: whole.said})
	}
	return ends
}

// TestWrongUpstreams: towards an upstream that is not the right one nothing of the request is sent, the caller learns that
// it was not sent, and so does the log.
func TestWrongUpstreams(t *testing.T) {
	t.Parallel()
	w := upstreamWorld(t)
	ends := w.wrongUpstreams()
	p := w.serveUpstreams("huawei-high", "", ends)
	answers := make([][]answer, len(ends))
	var checks []func()
	for i := range ends {
		checks = append(checks, func() { answers[i] = []answer{w.pay(p, i), w.show(p, i)} })
	}
	probes(checks)
	outcomes := w.outcomes(p)
	for i, wrong := range ends {
		for _, got := range answers[i] {
			w.notSentTo(wrong, got, outcomes[got.header.Get("Tollgate-Call-Id")])
		}
		w.nothingSent(wrong)
	}
}

func (w *world) notSentTo(wrong farEnd, got answer, outcome logfile.Record) {
	w.t.Helper()
	if got.status != http.StatusBadGateway || got.code != "TG.7001" || outcome.Outcome != logfile.NotSent || outcome.TLSOut != nil {
		w.t.Errorf("%s: answer %d %s, outcome %q over %+v\n%s", wrong.name, got.status, got.body, outcome.Outcome, outcome.TLSOut, wrong.said())
	}
}

// nothingSent looks at the wire and at what the program decrypted.
func (w *world) nothingSent(wrong farEnd) {
	w.t.Helper()
	connections := wrong.front.connections()
	if len(connections) == 0 {
		w.t.Errorf("%s: no connection came", wrong.name)
	}
	for _, sent := range connections {
		if size := largestSecret(sent); size > encryptedAlert {
			w.t.Errorf("%s: a record of %d bytes was sent\n%s", wrong.name, size, wrong.said())
		}
	}
	for _, secret := range []string{order, "POST /u", "GET /u", "SDK-HMAC-SHA256"} {
		if strings.Contains(wrong.said(), secret) {
			w.t.Errorf("%s: %q was received\n%s", wrong.name, secret, wrong.said())
		}
	}
}

// TestRightUpstreams has upstreams that speak one suite each. Those that the policy allows are called, and the record
// says of the connection what openssl itself reports; towards the others nothing is sent. What the gateway offers them is
// the policy's set, exactly.
func TestRightUpstreams(t *testing.T) {
	t.Parallel()
	policies := []tlsListener{
		newTLSListener(t, "huawei-high", "", bothVersions, allGroups, func(_ uint16, s whitelisted) bool { return s.level == "HIGH" }),
		newTLSListener(t, "aes256", "", bothVersions, []string{"P-256", "P-384"}, func(c uint16, _ whitelisted) bool { return c == 0x1302 || c == 0xC02C || c == 0xC030 }).
			declared("groups: [P-384, P-256], cipher_suites: [TLS_AES_256_GCM_SHA384, ECDHE-RSA-AES256-GCM-SHA384, ECDHE-ECDSA-AES256-GCM-SHA384]"),
		singleSuite(t, "1.3", 0x1303, ""),
	}
	if soaking() {
		for _, one := range tls.CipherSuites() {
			if row, listed := whitelist(t)[one.ID]; listed {
				policies = append(policies, singleSuite(t, row.version, one.ID, ""))
			}
		}
	}
	for _, policy := range policies {
		w := upstreamWorld(t)
		ends, suites := w.suiteEnds(policy)
		p := w.serveUpstreams(policy.policy, policy.custom, ends)
		answers := make([]answer, len(ends))
		var checks []func()
		for i := range ends {
			checks = append(checks, func() { answers[i] = w.show(p, i) })
		}
		probes(checks)
		outcomes := w.outcomes(p)
		for i, far := range ends {
			outcome := outcomes[answers[i].header.Get("Tollgate-Call-Id")]
			if policy.expects(suites[i]) {
				w.agrees(far, suites[i], answers[i], outcome)
			} else {
				w.notSentTo(far, answers[i], outcome)
				w.nothingSent(far)
			}
			w.offersExactly(policy, far, "http/1.1")
		}
	}
}

// suiteEnds has an upstream for each suite that Go knows of the policy's versions, with each group of the policy in turn.
func (w *world) suiteEnds(policy tlsListener) (ends []farEnd, suites []suite) {
	w.t.Helper()
	for i, one := range opensslSuites(w.t) {
		implemented := slices.ContainsFunc(tls.CipherSuites(), func(s *tls.CipherSuite) bool { return s.ID == one.code })
		if !implemented && one.version != "1.3" {
			continue
		}
		certificate := "right"
		if strings.Contains(one.name, "RSA") {
			certificate = "right-rsa"
		}
		args := append(offering(one), "-www", "-groups", policy.groups[i%len(policy.groups)])
		args = slices.DeleteFunc(args, func(a string) bool { return strings.HasPrefix(a, "-srp") || a == "x" || a == "pass:y" })
		ends, suites = append(ends, w.opensslEnd(policy.policy+" to "+one.name, certificate, args...)), append(suites, one)
	}
	return ends, suites
}

// agrees holds the record of a call against the page that s_server -www made of the connection.
func (w *world) agrees(far farEnd, one suite, got answer, outcome logfile.Record) {
	w.t.Helper()
	group := groupName(strings.Replace(found(got.body, `(?m)^Shared groups: (\S+)`), "x25519", "X25519", 1))
	out := outcome.TLSOut
	if got.status != http.StatusOK || outcome.Outcome != logfile.Succeeded || out == nil {
		w.t.Errorf("%s: answer %d, outcome %q over %+v\n%s%s", far.name, got.status, outcome.Outcome, out, got.body, far.said())
		return
	}
	reported := fmt.Sprintf("TLS %s %s %s", found(got.body, `(?m)^\s*Protocol\s*: TLSv(\S+)`), found(got.body, `(?m)^\s*Cipher\s*: (\S+)`), group)
	recorded := fmt.Sprintf("%s %s %s", out.Version, one.name, out.Group)
	if reported != recorded || out.Suite != tls.CipherSuiteName(one.code) || out.ServerName != upstreamName {
		w.t.Errorf("%s: openssl reports %q, the record has %+v\n%s", far.name, reported, out, got.body)
	}
}

// offersExactly reads the ClientHello that the gateway sent.
func (w *world) offersExactly(policy tlsListener, far farEnd, protocols ...string) {
	w.t.Helper()
	for _, sent := range far.front.connections() {
		if len(sent) == 0 {
			continue // it was cut as the gateway ended
		}
		hello := clientHello(sent)
		if hello == nil {
			w.t.Errorf("%s: the gateway sent no ClientHello: %x", far.name, sent)
			continue
		}
		var versions, groups []string
		for _, version := range hello.SupportedVersions {
			versions = append(versions, strings.TrimPrefix(tls.VersionName(version), "TLS "))
		}
		for _, group := range hello.SupportedCurves {
			if name := groupName(strings.TrimPrefix(group.String(), "Curve")); !strings.Contains(name, "MLKEM") {
				groups = append(groups, strings.Replace(name, "P", "P-", 1))
			}
		}
		for what, pair := range map[string][2][]string{
			"suites":   {suiteNames(hello.CipherSuites), suiteNames(policy.suites)},
			"versions": {versions, policy.versions}, "groups": {groups, policy.groups}, "protocols": {hello.SupportedProtos, protocols},
		} {
			slices.Sort(pair[0])
			if want := slices.Sorted(slices.Values(pair[1])); !slices.Equal(pair[0], want) {
				w.t.Errorf("%s: the gateway offers %s %q, want %q", far.name, what, pair[0], want)
			}
		}
	}
}

func suiteNames(codes []uint16) []string {
	var names []string
	for _, code := range codes {
		names = append(names, tls.CipherSuiteName(code))
	}
	return names
}

// clientHello has crypto/tls read the beginning of a connection.
func clientHello(sent []byte) (hello *tls.ClientHelloInfo) {
	near, far := net.Pipe()
	defer far.Close()
	go func() { _, _ = io.Copy(io.Discard, near) }() // the alert with which it ends
	go func() { _, _ = near.Write(sent); _ = near.Close() }()
	_ = tls.Server(far, &tls.Config{GetConfigForClient: func(info *tls.ClientHelloInfo) (*tls.Config, error) {
		hello = info
		return nil, errors.New("that is all")
	}}).Handshake()
	return hello
}

// TestLateUpstreams are right, and fail once the handshake is done. A request that was written may have been taken, unless the
// upstream's first word is that it does not take the gateway's certificate; and it is sent once at most.
func TestLateUpstreams(t *testing.T) {
	t.Parallel()
	w := upstreamWorld(t)
	right, err := tls.LoadX509KeyPair(w.file("right.crt"), w.file("right.key"))
	if err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Hour)
	w.issue("late", testpki.Leaf{CommonName: "late", NotBefore: past.Add(-time.Hour), NotAfter: past})
	unknown := testpki.Must(testpki.Must(testpki.New()).Client("unknown"))
	if err := testpki.WriteFiles(unknown, w.file("unknown.crt"), w.file("unknown.key")); err != nil {
		t.Fatal(err)
	}
	refusing := []struct{ shown, alert string }{{"", "certificate_required"}, {"unknown", "unknown_ca"}, {"late", "certificate_expired"}}
	var ends []farEnd
	for _, r := range refusing {
		end := w.opensslEnd("takes no certificate "+r.shown, "right", "-tls1_3", "-Verify", "1", "-verify_return_error", "-CAfile", w.file("ca.pem"))
		end.shown = r.shown
		ends = append(ends, end)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		ends = append(ends, w.rawEnd("leaves after the handshake, "+tls.VersionName(version), func(c net.Conn) {
			conn := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{right}, MinVersion: version, MaxVersion: version})
			if err := conn.Handshake(); err != nil {
				t.Errorf("the handshake fails: %v", err)
			}
			_ = conn.Close()
		}))
	}
	p := w.serveUpstreams("huawei-high", "", ends)
	answers := make([]answer, len(ends))
	for i := range ends {
		answers[i] = w.pay(p, i)
	}
	outcomes := w.outcomes(p)
	for i, far := range ends {
		sent := 0
		for _, connection := range far.front.connections() {
			if largestSecret(connection) > 2*encryptedAlert+64 { // more than a Finished or an empty Certificate
				sent++
			}
		}
		outcome := outcomes[answers[i].header.Get("Tollgate-Call-Id")]
		meaning := map[string]string{"TG.7001": logfile.NotSent, "TG.7002": logfile.Unknown}[answers[i].code]
		if meaning == "" || outcome.Outcome != meaning || sent > 1 {
			t.Errorf("%s: answer %d %s, outcome %q, and %d connections have the request", far.name, answers[i].status, answers[i].code, outcome.Outcome, sent)
		}
		if i < len(refusing) {
			detail := fmt.Sprintf("upstream u%d ended the TLS connection with the alert %s before it took anything of the call", i, refusing[i].alert)
			if meaning != logfile.NotSent || outcome.Detail != detail || !strings.Contains(answers[i].body, detail) {
				t.Errorf("%s: outcome %q, detail %q, answer %s", far.name, outcome.Outcome, outcome.Detail, answers[i].body)
			}
		} else if sent == 1 && meaning != logfile.Unknown {
			t.Errorf("%s: the request was sent, and the outcome is %q", far.name, outcome.Outcome)
		}
		if strings.Contains(far.said(), order) {
			t.Errorf("%s: the request was received\n%s", far.name, far.said())
		}
	}
}

// TestOtherRightUpstreams: one whose authority and certificate openssl made, as it made the weak ones; and those that ask for
// a certificate and do without.
func TestOtherRightUpstreams(t *testing.T) {
	t.Parallel()
	w := upstreamWorld(t)
	ends := []farEnd{
		w.opensslEnd("RSA and SHA-256", "strong", "-www"),
		w.opensslEnd("asks in 1.2", "right", "-tls1_2", "-verify", "1", "-www"), w.opensslEnd("asks in 1.3", "right", "-tls1_3", "-verify", "1", "-www"),
	}
	p := w.serveUpstreams("huawei-high", "", ends)
	for i, far := range ends {
		if got := w.show(p, i); got.status != http.StatusOK {
			t.Errorf("%s: %d %s\n%s", far.name, got.status, got.body, far.said())
		}
	}
}
