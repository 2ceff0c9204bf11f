package e2e

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// suite is a cipher suite as one of the outside programs lists it.
type suite struct {
	code    uint16
	name    string
	version string // "1.3", or "1.2" for all that came before
}

// tool runs an outside program to its end and returns all that it said. What matters is what it says, not its exit code.
// Its input stays open until then: to a gateway a caller who says no more is one who has left.
func tool(t testing.TB, stdin, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("the tests need %s: make tools installs it (%v)", name, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Stdout, cmd.Stderr = &said, &said
	input, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(input, stdin)
	_ = cmd.Wait()
	if ctx.Err() != nil {
		t.Errorf("%s %s does not end:\n%s", name, strings.Join(args, " "), said.String())
	}
	return said.String()
}

// probes runs the checks, a few at a time.
func probes(checks []func()) {
	var running sync.WaitGroup
	slots := make(chan struct{}, 4)
	for _, check := range checks {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			check()
		})
	}
	running.Wait()
}

var (
	opensslSuite = regexp.MustCompile(`(?m)^\s*0x([0-9A-F]{2}),0x([0-9A-F]{2}) - (\S+)\s+(\S+)`)
	gnutlsSuite  = regexp.MustCompile(`(?m)^(TLS_\S+)\s+0x([0-9a-f]{2}), 0x([0-9a-f]{2})\s+(\S+)`)
)

// opensslSuites lists what OpenSSL can offer at security level 0. Of TLS 1.3 it lists the usual suites only, but takes
// all that GnuTLS lists, whose names are the same there.
func opensslSuites(t testing.TB) []suite {
	t.Helper()
	var all []suite
	for _, m := range opensslSuite.FindAllStringSubmatch(tool(t, "", "openssl", "ciphers", "-V", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"), -1) {
		if m[4] != "TLSv1.3" {
			all = append(all, suite{suiteCode(t, m[1]+m[2]), m[3], "1.2"})
		}
	}
	for _, s := range gnutlsSuites(t) {
		if s.version == "1.3" {
			all = append(all, s)
		}
	}
	return many(t, "openssl", all)
}

func gnutlsSuites(t testing.TB) []suite {
	t.Helper()
	var all []suite
	for _, m := range gnutlsSuite.FindAllStringSubmatch(tool(t, "", "gnutls-cli", "--list"), -1) {
		version := "1.2"
		if m[4] == "TLS1.3" {
			version = "1.3"
		}
		all = append(all, suite{suiteCode(t, m[2]+m[3]), m[1], version})
	}
	return many(t, "gnutls-cli", all)
}

// many fails if a list is so short that it cannot have been read rightly.
func many(t testing.TB, program string, all []suite) []suite {
	t.Helper()
	if len(all) < 100 {
		t.Fatalf("%s lists %d cipher suites only: is its output read rightly?", program, len(all))
	}
	return all
}

func suiteCode(t testing.TB, digits string) uint16 {
	t.Helper()
	value, err := strconv.ParseUint(digits, 16, 16)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(value)
}

// try is what an outside program made of one attempt to call.
type try struct {
	what     string
	answered bool // an HTTP answer arrived
	alert    int  // the alert that the gateway sent; 0: none
	version  string
	suite    string // in the program's spelling
	group    string
	resumed  bool
	alpn     string
	said     string
}

// refused reports whether the gateway ended the handshake with one of these alerts, and nothing came through.
func (a try) refused(alerts ...int) bool {
	for _, alert := range alerts {
		if !a.answered && a.alert == alert {
			return true
		}
	}
	return false
}

func (a try) String() string {
	return fmt.Sprintf("%s: answered %t, alert %d, TLS %s %s %s\n%s", a.what, a.answered, a.alert, a.version, a.suite, a.group, a.said)
}

// found returns the first group of the first match, or nothing.
func found(text, pattern string) string {
	if m := regexp.MustCompile(pattern).FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// Alerts of TLS (RFC 8446 section 6).
const (
	alertHandshakeFailure      = 40
	alertProtocolVersion       = 70
	alertInappropriateFallback = 86
	alertNoApplicationProtocol = 120
)

// call is a request that each outside program sends when its handshake is through, and then waits for the answer.
const call = "GET /v2/accounts/customer-accounts/balances HTTP/1.1\r\nHost: " + gatewayName + "\r\nConnection: close\r\n\r\n"

// openssl makes a call with openssl s_client, showing the certificate of a caller.
func (w *world) openssl(address string, args ...string) try {
	w.t.Helper()
	args = append([]string{"s_client", "-connect", address, "-servername", gatewayName, "-CAfile", w.file("ca.pem"), "-verify_return_error",
		"-cert", w.file("shop.crt"), "-key", w.file("shop.key"), "-ign_eof"}, args...)
	return readOpenSSL("openssl "+strings.Join(args[12:], " "), tool(w.t, call, "openssl", args...))
}

func readOpenSSL(what, said string) try {
	alert, _ := strconv.Atoi(found(said, `SSL alert number (\d+)`))
	return try{
		what: what, said: said, alert: alert,
		answered: strings.Contains(said, "HTTP/1.1 200 OK\r\n"),
		version:  strings.Replace(found(said, `(?m)^(?:New|Reused), TLSv(\S+), Cipher`), "TLSv", "", 1),
		suite:    found(said, `(?m)^(?:New|Reused), \S+, Cipher is (\S+)`),
		group:    groupName(found(said, `(?m)^Server Temp Key: (?:ECDH, )?([^,\s]+)`)),
		resumed:  strings.Contains(said, "\nReused, TLSv"),
		alpn:     found(said, `(?m)^ALPN protocol: (\S+)`),
	}
}

// gnutls makes a call with gnutls-cli.
func (w *world) gnutls(address, priority string, args ...string) try {
	w.t.Helper()
	host, port, _ := strings.Cut(address, ":")
	args = append([]string{"--port", port, "--sni-hostname", gatewayName, "--verify-hostname", gatewayName, "--x509cafile", w.file("ca.pem"),
		"--x509certfile", w.file("shop.crt"), "--x509keyfile", w.file("shop.key"), "--priority", priority}, append(args, host)...)
	return readGnuTLS("gnutls-cli "+priority, tool(w.t, call, "gnutls-cli", args...))
}

func readGnuTLS(what, said string) try {
	alert, _ := strconv.Atoi(found(said, `Received alert \[(\d+)\]`))
	return try{
		what: what, said: said, alert: alert,
		answered: strings.Contains(said, "HTTP/1.1 200 OK\r\n"),
		version:  found(said, `(?m)^- Description: \(TLS(1\.\d)`),
		suite:    found(said, `(?m)^- Description: .*\(([^()]+)\)$`),
		group:    groupName(found(said, `(?m)^- Description: .*\(ECDHE-([^()]+)\)-\(.*\(`)),
		resumed:  strings.Contains(said, "This is a resumed session"),
		alpn:     found(said, `(?m)^- Application protocol: (\S+)`),
	}
}

// groupName spells a group as the gateway does.
func groupName(name string) string {
	switch strings.ToLower(name) {
	case "prime256v1", "secp256r1", "p-256":
		return "P-256"
	case "secp384r1", "p-384":
		return "P-384"
	case "secp521r1", "p-521":
		return "P-521"
	}
	return name
}

// gnutlsParts spells the parts of suite names as priority strings do, where the two differ.
var gnutlsParts = map[string]string{
	"3DES_EDE_CBC": "3DES-CBC", "GOSTR341112_256": "VKO-GOST-12", "28147_CNT": "GOST28147-TC26Z-CNT", "IMIT": "GOST28147-TC26Z-IMIT",
	"DH_ANON": "ANON-DH", "ECDH_ANON": "ANON-ECDH", "SRP_SHA": "SRP", "SRP_SHA_DSS": "SRP-DSS", "SRP_SHA_RSA": "SRP-RSA",
}

// keyExchanges of GnuTLS's names, the longest of those that begin alike first.
var keyExchanges = regexp.MustCompile(`^TLS_(ECDHE_ECDSA|ECDHE_RSA|ECDHE_PSK|ECDH_ANON|DHE_DSS|DHE_RSA|DHE_PSK|DH_ANON|RSA_PSK|RSA|PSK|SRP_SHA_DSS|SRP_SHA_RSA|SRP_SHA|GOSTR341112_256)_(.+)$`)

// gnutlsPriority is a priority string that offers this one suite.
func gnutlsPriority(t testing.TB, s suite, version string) string {
	t.Helper()
	exchange, rest := "", strings.TrimPrefix(s.name, "TLS_")
	if s.version != "1.3" {
		m := keyExchanges.FindStringSubmatch(s.name)
		if m == nil {
			t.Fatalf("the key exchange of GnuTLS's %s is not known here", s.name)
		}
		exchange, rest = ":+"+gnutlsPart(m[1]), m[2]
	}
	cipher, mac := rest, "AEAD"
	if m := regexp.MustCompile(`^(.*(?:CBC|CNT|NULL|128|256))_(SHA1|SHA256|SHA384|MD5|UMAC96|IMIT)$`).FindStringSubmatch(rest); m != nil {
		cipher, mac = m[1], gnutlsPart(m[2])
	} else if at := strings.LastIndex(rest, "_SHA"); at > 0 {
		cipher = rest[:at]
	}
	return "NONE:+VERS-TLS" + version + ":+" + gnutlsPart(cipher) + ":+" + mac + exchange + ":+SIGN-ALL:+COMP-NULL:+GROUP-ALL:+CTYPE-ALL"
}

func gnutlsPart(name string) string {
	if other := gnutlsParts[name]; other != "" {
		return other
	}
	return strings.ReplaceAll(name, "_", "-")
}

// whitelisted is a row of the provider's whitelist, read without the product's code.
type whitelisted struct {
	name, version, level string
}

func whitelist(t testing.TB) map[uint16]whitelisted {
	t.Helper()
	file, err := os.Open("../tlspolicy/tls-cipher-whitelist.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil || len(rows) != 31 {
		t.Fatalf("the whitelist has %d rows, want a header and 30 suites: %v", len(rows), err)
	}
	all := map[uint16]whitelisted{}
	for _, row := range rows[1:] {
		all[suiteCode(t, strings.TrimPrefix(row[0], "0x"))] = whitelisted{row[1], row[2], row[3]}
	}
	return all
}
