package review

import (
	"bytes"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"tollgate/audit/logfile"
	"tollgate/audit/proof"
	"tollgate/audit/store"
	"tollgate/gateway"
	"tollgate/internal/soaktest"
	"tollgate/internal/words"
	"tollgate/review/evidence"
	"tollgate/review/reviewtest"
)

// callPages are the pages of one log.
type callPages struct {
	*testing.T
	http.Handler
}

func callPagesOf(t *testing.T, l *evidence.Log) *callPages {
	return &callPages{t, pagesOf(l).Handler()}
}

// get returns a page.
func (p *callPages) get(path string) (*httptest.ResponseRecorder, string) {
	p.Helper()
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequestWithContext(p.Context(), http.MethodGet, path, nil))
	return w, w.Body.String()
}

// changedLog returns a copy of the fixture, with an index of its own, of which one segment is changed: the last one that has a text.
func changedLog(t *testing.T, text string, change func(segment []byte, at int) []byte) *evidence.Log {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "log")
	if err := os.CopyFS(dir, os.DirFS(large().dir)); err != nil {
		t.Fatal(err)
	}
	files, err := fs.Glob(os.DirFS(dir), "*.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Backward(files) {
		segment, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if at := bytes.LastIndex(segment, []byte(text)); at >= 0 {
			if err := os.WriteFile(filepath.Join(dir, name), change(segment, at), 0o600); err != nil {
				t.Fatal(err)
			}
			l := logIn("gateway-sh", dir)
			l.Index = store.New(dir, dir+"-index").InZone(reviewtest.Zone)
			if _, err := l.Index.Rebuild(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			return l
		}
	}
	t.Fatal("no segment has", text)
	return nil
}

var (
	tag       = regexp.MustCompile(`<[^>]*>`)
	callWords = regexp.MustCompile(`\b(call|sentence|reason|stage|state)\.[a-z]+`)
)

// read returns what stands on a page, without markup.
func read(body string) string { return tag.ReplaceAllString(body, " ") }

// TestCallPage holds of each kind of call, in both languages: there is a page, each message of it is there, and its proof was checked.
func TestCallPage(t *testing.T) {
	p := callPagesOf(t, large().indexed())
	for name, id := range large().Calls {
		languages := words.Languages()
		if name != reviewtest.Paid && !soaktest.On() {
			languages = languages[:1] // that each has all messages, a test of theirs holds
		}
		for _, lang := range languages {
			w, body := p.get("/calls/gateway-sh/" + id + "?lang=" + string(lang))
			if w.Code != http.StatusOK || !strings.Contains(body, id) {
				t.Errorf("%s: %d", name, w.Code)
			}
			if missing := callWords.FindString(read(body)); missing != "" {
				t.Errorf("%s in %s: there is no message %s", name, lang, missing)
			}
			if !strings.Contains(body, words.In(lang).Text("call.proof_note")) {
				t.Errorf("%s in %s: no word of its proof", name, lang)
			}
		}
	}
}

// TestCallNotCovered holds that a call behind the last checkpoint has no proof, and that the page says when there will be one.
func TestCallNotCovered(t *testing.T) {
	p := callPagesOf(t, changedLog(t, `"kind":"checkpoint"`, func(segment []byte, at int) []byte {
		return segment[:bytes.LastIndexByte(segment[:at], '\n')+1]
	}))
	_, body := p.get("/calls/gateway-sh/" + large().Calls[reviewtest.Open])
	if !strings.Contains(body, words.In(words.English).Text("call.proof_later")) || strings.Contains(body, "checked now") {
		t.Error(read(body))
	}
}

// TestCallPageSays has what the pages of some calls must say.
func TestCallPageSays(t *testing.T) {
	p := callPagesOf(t, large().indexed())
	calls := large().Calls
	for name, want := range map[string][]string{
		reviewtest.Paid:       {"CNY 129.30", "The gateway read it from the order", "/calls/gateway-sh/" + calls[reviewtest.PricedBy], "read the price of this one", "shop-day", "used: the call had its effect", "Provider at work"},
		reviewtest.PricedBy:   {"the gateway itself", "/calls/gateway-sh/" + calls[reviewtest.Paid], "is the one for which the gateway made this"},
		reviewtest.Held:       {"act_held", "Another call does the same", "/calls/gateway-sh/" + calls[reviewtest.Holder], "There was no connection for this call."},
		reviewtest.Holder:     {"/calls/gateway-sh/" + calls[reviewtest.Held], "was refused because of this one"},
		reviewtest.NotSent:    {"given back: the call had no effect", "The peer’s certificate has expired", "connecting to the provider"},
		reviewtest.ResolvedBy: {"Settled later", "Settled by", "Waited, and no answer came"},
		reviewtest.Waited:     {"Waited for limits", "payments"},
		reviewtest.Refused:    {"No grant allowed the caller this operation."},
		reviewtest.Deprecated: {"The operation was deprecated then."},
		reviewtest.Open:       {"open: no outcome is on record", "The proof is of the intent alone"},
	} {
		_, body := p.get("/calls/gateway-sh/" + calls[name])
		for _, text := range want {
			if !strings.Contains(body, text) {
				t.Errorf("%s: the page does not say %q", name, text)
			}
		}
	}
}

// TestCallFiles holds that the files of a call are what the log has: its lines byte for byte, and a proof of them that holds.
func TestCallFiles(t *testing.T) {
	p := callPagesOf(t, large().indexed())
	id := large().Unknown[0] // has events
	var want bytes.Buffer
	if err := logfile.Read(large().dir, func(r *logfile.Record, line []byte) error {
		if r.Call == id || r.Subject == id {
			want.Write(append(line, '\n'))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	w, body := p.get("/calls/gateway-sh/" + id + "/raw")
	if w.Code != http.StatusOK || body != want.String() || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment;") || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("raw: %d %v\n%s\nwant\n%s", w.Code, w.Header(), body, want.String())
	}
	_, body = p.get("/calls/gateway-sh/" + id + "/proof.json")
	parsed, err := proof.Parse([]byte(body))
	if c, ok := parsed.(*proof.Call); err != nil || !ok || c.Call != id {
		t.Errorf("proof.json: %v %v", parsed, err)
	}
	if _, body = p.get("/calls/gateway-sh/" + id + "/verify.py"); !strings.Contains(body, "def verify_proof(") {
		t.Error("verify.py is not sent")
	}
	if w, _ = p.get("/calls/gateway-sh/" + id + "/proof"); w.Code != http.StatusOK {
		t.Error("no page of the proof:", w.Code)
	}
}

// TestCallIDs holds that nothing is read for an id that is none, and that a part of one leads to the search.
func TestCallIDs(t *testing.T) {
	p := callPagesOf(t, large().indexed())
	id := large().Calls[reviewtest.Paid]
	unread := callPagesOf(t, &evidence.Log{Name: "gateway-sh", FS: unreadable{t}})
	for _, path := range []string{
		"/calls/other/" + id, "/calls/gateway-sh/" + strings.ToUpper(id), "/calls/gateway-sh/%7B" + id + "%7D", "/calls/gateway-sh/x", "/calls/gateway-sh/..%2f" + id, "/calls/gateway-sh/" + id + "0",
		"/calls/gateway-sh/x/raw", "/calls/gateway-sh/" + id[24:] + "/proof.json", "/calls/gateway-sh/x/verify.py", "/calls/other/" + id + "/proof", "/calls/gateway-sh/" + strings.Repeat("0", 400),
	} {
		if w, _ := unread.get(path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w, _ := p.get("/calls/gateway-sh/" + id[24:]); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/search?q="+id[24:] {
		t.Errorf("a part of an id: %d, %s", w.Code, w.Header().Get("Location"))
	}
	both := &callPages{t, pagesOf(large().indexed(), second().scanned()).Handler()}
	if w, _ := both.get("/calls/gateway-bj/" + id); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/search?q="+id {
		t.Errorf("an id of another log: %d, %s", w.Code, w.Header().Get("Location"))
	}
	if w, _ := p.get("/calls/gateway-sh/01a1e2fc-0000-7000-8000-000000000000"); w.Code != http.StatusNotFound {
		t.Error("an id that no call has:", w.Code)
	}
}

// unreadable is a log whose files may be listed for the header, and not read.
type unreadable struct{ t *testing.T }

func (u unreadable) Open(name string) (fs.File, error) {
	if name != "." {
		u.t.Error(name, "is read")
	}
	return nil, fs.ErrNotExist
}

// TestTamperedCall holds that the page of a call whose line was changed shows no proof, and says why.
func TestTamperedCall(t *testing.T) {
	id := large().Calls[reviewtest.Paid]
	p := callPagesOf(t, changedLog(t, `"kind":"intent","call":"`+id, func(segment []byte, at int) []byte {
		price := at + bytes.Index(segment[at:], []byte(`"129.30"`))
		return slices.Concat(segment[:price], []byte(`"929.30"`), segment[price+8:])
	}))
	w, body := p.get("/calls/gateway-sh/" + id)
	if w.Code != http.StatusOK || !strings.Contains(body, "could not be proven") || strings.Contains(body, "checked now") {
		t.Error("the page does not say that the record was changed:", w.Code, read(body))
	}
	if w, _ := p.get("/calls/gateway-sh/" + id + "/proof.json"); w.Code == http.StatusOK {
		t.Error("there is a proof")
	}
}

// TestCallInNoTime holds that a page whose time is over says so.
func TestCallInNoTime(t *testing.T) {
	s := pagesOf(large().indexed())
	s.patience = 0
	body := got(t, t.Context(), s, "/calls/gateway-sh/"+large().Calls[reviewtest.Paid], http.StatusServiceUnavailable)
	if !strings.Contains(body, "could not be looked up") {
		t.Error(read(body))
	}
}

// TestHostileCallPages holds that texts of records stay text, whatever they are.
func TestHostileCallPages(t *testing.T) {
	p := callPagesOf(t, hostile().indexed())
	for text, id := range hostile().Calls {
		for _, lang := range words.Languages() {
			w, body := p.get("/calls/hostile/" + id + "?lang=" + string(lang))
			if w.Code != http.StatusOK {
				t.Errorf("%.40q: %d", text, w.Code)
			}
			for _, bad := range []string{"<script", "<img", "onmouseover='", `href="javascript:`, `href="http`, " style=", "</svg><"} {
				if strings.Contains(body, bad) {
					t.Errorf("%.40q: the page has %s", text, bad)
				}
			}
			if i := strings.IndexFunc(body, func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) }); i >= 0 {
				t.Errorf("%.40q: the page has %q", text, body[i:][:3])
			}
		}
	}
}

// TestReasons holds that each reason, stage and failure of a handshake that records have is explained.
func TestReasons(t *testing.T) {
	var ids []string
	for _, code := range gateway.Codes() {
		ids = append(ids, "reason."+code.Reason)
	}
	for _, stage := range logfile.Stages() {
		if !logfile.OfConnection(stage) {
			ids = append(ids, "stage."+stage)
		}
	}
	for _, failure := range logfile.TLSFailures() {
		ids = append(ids, "tls_failure."+failure)
	}
	for _, outcome := range slices.Concat(logfile.Outcomes(), []string{"refused", "open", "other"}) {
		ids = append(ids, "call.outcome_"+outcome)
	}
	for _, relation := range evidence.Relations() {
		ids = append(ids, "call.relation_"+string(relation))
	}
	for _, id := range ids {
		for _, lang := range words.Languages() {
			if !words.In(lang).Has(id) {
				t.Errorf("%s is missing in %s", id, lang)
			}
		}
	}
}
