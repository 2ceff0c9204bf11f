package tlscmd

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"

	"tollgate/audit/logfile"
	"tollgate/audit/tlsreport"
	"tollgate/internal/cli"
	"tollgate/internal/style"
	"tollgate/internal/testcli"
	"tollgate/internal/testlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run executes one command line in this process.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return testcli.Run(t, cli.Program("test", cli.Chapter("All:", Command())), args...)
}

const evilName = "<b>x</b>\u202e\x1b[2J"

// handshakes is a log with the TLS facts of a few callers: a modern one, one that has TLS 1.2 alone, one of an older log, and
// peers that never authenticated.
func handshakes(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "audit")
	l := testlog.New(dir, nil)
	for i, r := range handshakeRecords() {
		r.Time = time.Date(2026, 10, 31, 15, 50+i, 6, 7e6, time.UTC)
		l.Add(r)
	}
	l.Flush()
	return dir
}

func handshakeRecords() []*logfile.Record {
	modern := &logfile.Offer{
		Versions: []string{"TLS 1.3", "TLS 1.2"}, Groups: []string{"0x3A3A", "X25519MLKEM768", "X25519", "P-256"}, ServerName: "gateway.corp.example",
		Suites: []string{"0x1A1A", "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
	}
	old := &logfile.Offer{
		Versions: []string{"TLS 1.2"}, Groups: []string{"P-256"}, ServerName: "gateway.corp.example",
		Suites: []string{"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_128_CBC_SHA"},
	}
	ancient := &logfile.Offer{Versions: []string{"TLS 1.0"}, Suites: []string{"TLS_RSA_WITH_AES_128_CBC_SHA"}, ServerName: evilName}
	in := func(call, caller, identity, source string, port uint16, t logfile.TLS) *logfile.Record {
		return &logfile.Record{Kind: logfile.KindIntent, Call: call, Listener: "main", Caller: caller, IdentifiedBy: "certificate", Identity: identity, Source: source,
			SourcePort: port, Upstream: "bss", TLSIn: &t}
	}
	print := strings.Repeat("ab", 32)
	shop := logfile.TLS{Version: "TLS 1.3", Suite: "TLS_AES_128_GCM_SHA256", Group: "X25519MLKEM768", ServerName: "gateway.corp.example", Peer: "CN=shop", PeerFingerprint: print}
	first := shop
	first.Offer, first.PeerNotAfter = modern, time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC)
	again := first
	again.Resumed = true
	till := logfile.TLS{Version: "TLS 1.2", Suite: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", Group: "P-256", Offer: old}
	batch := logfile.TLS{Version: "TLS 1.2", Suite: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", Group: "P-256"}
	return []*logfile.Record{
		in("c-1", "shop", "spiffe://corp/shop", "10.1.2.3", 40001, first), in("c-2", "shop", "spiffe://corp/shop", "10.1.2.3", 40001, shop),
		in("c-3", "shop", "spiffe://corp/shop", "10.1.2.4", 40002, again), in("c-4", "till", evilName, "10.1.2.5", 40003, till),
		in("c-5", "batch", "spiffe://corp/batch", "10.1.2.6", 40004, batch),
		{Kind: logfile.KindOutcome, Call: "c-1", Upstream: "bss", Outcome: logfile.Succeeded, TLSOut: &logfile.TLS{
			Version: "TLS 1.2", Suite: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", Group: "X25519", Resumed: true, ServerName: "bss.myhuaweicloud.com",
			Peer: "CN=*.myhuaweicloud.com", PeerFingerprint: strings.Repeat("cd", 32)}},
		{Kind: logfile.KindOutcome, Call: "c-2", Upstream: "bss", Outcome: logfile.NotSent,
			Detail: "no TLS connection with upstream bss (certificate expired); no byte of the call was sent"},
		{Kind: logfile.KindRefusal, Source: "192.0.2.7", Decision: logfile.Refused, Reason: "connection: no common version", TLSIn: &logfile.TLS{Offer: ancient}},
		{Kind: logfile.KindRefusals, Counts: []logfile.Count{{Reason: "connection: not tls", Source: "192.0.2.8", Count: 12}}},
	}
}

// TestTLSReportGolden compares what is printed with files. With -update it writes them.
func TestTLSReportGolden(t *testing.T) {
	dir := handshakes(t)
	for name, args := range map[string]string{
		"report.txt":  "",
		"wide.txt":    "-o wide",
		"report.json": "-o json --without TLS1.2,P-256 --policy huawei",
		"report.html": "-o html --zone Asia/Shanghai",
		"none.txt":    "--since 2026-11-01",
		"none.html":   "--since 2026-11-01 -o html",
	} {
		code, stdout, stderr := run(t, append([]string{"tls", "report", "--dir", dir}, strings.Fields(args)...)...)
		if code != cli.ExitOK || stderr != fmt.Sprintf("source: the log in %s, to record 12\n", dir) {
			t.Errorf("%s: exit %d, %s", args, code, stderr)
		}
		if args == "" && longest(stdout) > cli.MaxWidth {
			t.Errorf("a line has %d columns:\n%s", longest(stdout), stdout)
		}
		if strings.ContainsAny(stdout, "\x1b\u202e") || strings.Contains(stdout, "<b>") && strings.HasSuffix(name, ".html") {
			t.Errorf("%s: a hostile name gets through", args)
		}
		testcli.Golden(t, filepath.Join("testdata", name), "tls report "+args, strings.NewReplacer(dir, "DIR", style.Sheet, "(the style sheet)\n").Replace(stdout))
	}
}

// longest returns how many characters the longest line of a text has.
func longest(text string) (most int) {
	for line := range strings.Lines(text) {
		most = max(most, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")))
	}
	return most
}

func TestTLSReportJSON(t *testing.T) {
	_, stdout, _ := run(t, "tls", "report", "--dir", handshakes(t), "--json")
	var r struct {
		Source cli.Source
		tlsreport.Report
	}
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatal(err)
	}
	if r.Source.Kind != cli.FromLog || r.Source.To != 12 {
		t.Errorf("source: %+v", r.Source)
	}
	w := r.Without[0]
	if len(w.Breaks) != 2 || w.Breaks[0].Caller != "batch" || w.Breaks[0].Inferred != 1 || w.Breaks[1].Identity != evilName || w.Breaks[1].Breaking != 1 || w.Stay != 1 {
		t.Errorf("without TLS 1.2: %+v", w)
	}
}

func TestTLSReportWrongUse(t *testing.T) {
	dir := handshakes(t)
	for args, want := range map[string]string{
		"":                           "the audit directory is needed: --dir DIR",
		"--dir D --without TLS1.1":   `--without: policy huawei-high has no "TLS1.1" to remove; it has TLS 1.3, `,
		"--dir D --format csv":       "choose from table, wide, json, html",
		"--dir D --policy none":      `--policy: unknown policy "none"`,
		"--dir D --month 13":         "--month",
		"--dir D --last 1d --zone X": "--zone",
	} {
		code, _, stderr := run(t, append([]string{"tls", "report"}, strings.Fields(strings.ReplaceAll(args, "D ", dir+" "))...)...)
		if code != cli.ExitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%q: exit %d, %s", args, code, stderr)
		}
	}
}
