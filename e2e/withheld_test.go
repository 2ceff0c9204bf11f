package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
)

// withheld is an internal app whose calls the gateway does not know: one endpoint says that they carry secrets, one that they do not.
const withheld = `
listeners: [{name: plain, address: "127.0.0.1:0", caller: shop}]
upstreams:
  app:
    url: "http://{{.App}}"
    endpoints:
      - {name: Login, method: POST, path: /login, effect: read}
      - {name: Search, method: GET, path: "/search/{path...}", effect: read, record_query: true}
      - {name: Reset, method: POST, path: "/reset/{code}", effect: write, sensitive: true}
callers: {shop: {grants: [{operations: ["*"]}]}}
audit: {dir: audit}
admin: {address: "127.0.0.1:0"}
`

// TestWithheldFromTheLog looks for secrets, and for their hashes, in all files of a gateway, and compares what it has instead, also
// after a start and after a loss of the key.
func TestWithheldFromTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.values.App = w.serveOn(listener, &app{})
	p := w.configure(withheld).start()
	call := func(method, target, body string) string {
		got := send(t, http.DefaultTransport, request(t, method, "http://"+p.address("plain")+target, body))
		if got.status != http.StatusCreated {
			t.Fatalf("%s: %d %s", target, got.status, got.body)
		}
		return got.header.Get("Tollgate-Call-Id")
	}
	// With characters that base64 does not have: a short text without may be in a signature by chance.
	const query, pin = "code=27x4w1&jwt=eyJ.x.y&key=k3w-9x&otp=86z0k4&pass=hunter2-pass&sig=51wG-3x", "pin=7w-3"
	login, search := call("POST", "/login?"+query, pin), call("GET", "/search/x?q=shoes", "")
	reset := call("POST", "/reset/27x4w1?"+query, pin)
	w.compared(login, pin, query)
	if r := w.recorded(logfile.KindIntent, search); r.Query != "q=shoes" || r.QueryWithheld != nil {
		t.Errorf("%+v", r)
	}
	if r := w.recorded(logfile.KindIntent, reset); r.Path != "/reset/{code}" || r.Query+r.BodyHash+r.BodyMAC+r.QueryMAC != "" || r.BodyBytes != 8 || r.QueryBytes != int64(len(query)) {
		t.Errorf("%+v", r)
	}
	p.stop()
	if info, err := os.Stat(w.file("audit/hash.key")); err != nil || info.Mode() != 0o600 {
		t.Fatalf("the hash key: %v, %v", info, err)
	}
	p = w.start()
	first := w.recorded(logfile.KindIntent, login).MACKey
	if again := w.recorded(logfile.KindIntent, call("POST", "/login", pin)); again.MACKey != first || again.BodyMAC != w.recorded(logfile.KindIntent, login).BodyMAC {
		t.Errorf("after a start: %+v", again)
	}
	p.stop()
	if err := os.Rename(w.file("audit/hash.key"), w.file("kept.key")); err != nil {
		t.Fatal(err)
	}
	p = w.start()
	after := call("POST", "/login", pin)
	if r := w.recorded(logfile.KindIntent, after); r.MACKey == first || r.MACKey == "" {
		t.Errorf("after the loss: %+v", r)
	}
	w.compared(after, pin, "")
	p.stop()
	w.searched(t, "27x4w1", "eyJ.x.y", "k3w-9x", "86z0k4", "hunter2-pass", "51wG-3x", "7w-3", pin, query)
	w.verified()
	if out, err := exec.Command("python3", "../audit/export/verify.py", w.file("audit")).CombinedOutput(); err != nil {
		t.Errorf("verify.py: %v\n%s", err, out)
	}
}

// compared compares a record's keyed hashes with what the auditor's command prints, and finds them in audit show.
func (w *world) compared(call, body, query string) {
	w.t.Helper()
	r := w.recorded(logfile.KindIntent, call)
	for text, want := range map[string]string{body: r.BodyMAC, query: r.QueryMAC} {
		if text == "" {
			continue
		}
		got := run(w.t, w.env, "audit", "hash", "--dir", w.file("audit"), w.write("text", text))
		if want == "" || got.code != 0 || got.stdout != want+"  mac_key "+r.MACKey+"\n" {
			w.t.Errorf("of %.20q: %q %s, want %s of %s", text, got.stdout, got.stderr, want, r.MACKey)
		}
	}
	if shown := run(w.t, w.env, "audit", "show", "--json", "--dir", w.file("audit"), call); !strings.Contains(shown.stdout, `"body_mac":"`+r.BodyMAC) {
		w.t.Errorf("audit show: %s", shown.stdout)
	}
}

// searched looks for secrets and their hashes in all files of the log's folder.
func (w *world) searched(t *testing.T, secrets ...string) {
	t.Helper()
	files, _ := filepath.Glob(w.file("audit/*"))
	texts, _ := filepath.Glob(w.file("audit/blobs/*"))
	for _, file := range append(files, texts...) {
		if file == w.file("audit/blobs") {
			continue
		}
		data, err := os.ReadFile(file)
		must(t, err)
		text := string(data)
		for _, secret := range secrets {
			sum := sha256.Sum256([]byte(secret))
			if strings.Contains(text, secret) || strings.Contains(text, hex.EncodeToString(sum[:])) {
				t.Errorf("%q is in %s", secret, file)
			}
		}
	}
	if len(files) < 3 {
		t.Errorf("searched %q", files)
	}
}
