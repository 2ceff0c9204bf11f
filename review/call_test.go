package review_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"tollgate/audit/logfile"
	"tollgate/audit/proof"
	"tollgate/audit/store"
	"tollgate/gateway"
	"tollgate/internal/words"
	"tollgate/review"
	"tollgate/review/evidence"
	"tollgate/review/reviewtest"
	"tollgate/review/session"
)

// callPages are the pages of one log.
type callPages struct {
	*testing.T
	dir  string
	made reviewtest.Made
	http.Handler
}

type anyone struct{}

func (anyone) Who(*http.Request) *session.Person { return &session.Person{Name: "Li Na"} }

func callPagesOf(t *testing.T, write func(dir string) reviewtest.Made) *callPages {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "log")
	made := write(dir)
	index := store.New(dir, "")
	if _, err := index.Rebuild(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return &callPages{t, dir, made, handlerOf(&evidence.Log{Name: "log", FS: os.DirFS(dir), Dir: dir, Index: index})}
}

func handlerOf(l *evidence.Log) http.Handler {
	return review.New(review.Config{
		Logs: evidence.Logs{l}, Zone: reviewtest.Zone, Clock: func() time.Time { return reviewtest.Now }, Hosts: []string{"pages.example"}, Door: anyone{},
	}).Handler()
}

// get returns a page.
func (p *callPages) get(path string) (*httptest.ResponseRecorder, string) {
	p.Helper()
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequestWithContext(p.Context(), http.MethodGet, "http://pages.example"+path, nil))
	return w, w.Body.String()
}

var (
	tag       = regexp.MustCompile(`<[^>]*>`)
	callWords = regexp.MustCompile(`\b(call|sentence|reason|stage|state)\.[a-z]+`)
)

// read returns what stands on a page, without markup.
func read(body string) string { return tag.ReplaceAllString(body, " ") }

// TestCallPage holds of each kind of call, in both languages: there is a page, each message of it is there, and its proof was checked.
func TestCallPage(t *testing.T) {
	p := callPagesOf(t, reviewtest.Log)
	for name, id := range p.made.Calls {
		for _, lang := range words.Languages() {
			w, body := p.get("/calls/log/" + id + "?lang=" + string(lang))
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
	p := callPagesOf(t, reviewtest.Log)
	files, err := fs.Glob(os.DirFS(p.dir), "*.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	last := filepath.Join(p.dir, files[len(files)-1])
	text, err := os.ReadFile(last)
	if err != nil {
		t.Fatal(err)
	}
	signed := bytes.LastIndex(text[:bytes.LastIndex(text, []byte(`"kind":"checkpoint"`))], []byte("\n")) + 1
	if err := os.WriteFile(last, text[:signed], 0o600); err != nil {
		t.Fatal(err)
	}
	p.Handler = handlerOf(&evidence.Log{Name: "log", FS: os.DirFS(p.dir), Dir: p.dir})
	_, body := p.get("/calls/log/" + p.made.Calls[reviewtest.Open])
	if !strings.Contains(body, words.In(words.English).Text("call.proof_later")) || strings.Contains(body, "checked now") {
		t.Error(read(body))
	}
}

// TestCallPageSays has what the pages of some calls must say.
func TestCallPageSays(t *testing.T) {
	p := callPagesOf(t, reviewtest.Log)
	calls := p.made.Calls
	for name, want := range map[string][]string{
		reviewtest.Paid:       {"129.30 CNY", "The gateway read it from the order", "/calls/log/" + calls[reviewtest.PricedBy], "read the price of this one", "shop-day", "used: the call had its effect", "Provider at work"},
		reviewtest.PricedBy:   {"the gateway itself", "/calls/log/" + calls[reviewtest.Paid], "is the one for which the gateway made this"},
		reviewtest.Held:       {"act_held", "Another call does the same", "/calls/log/" + calls[reviewtest.Holder], "There was no connection for this call."},
		reviewtest.Holder:     {"/calls/log/" + calls[reviewtest.Held], "was refused because of this one"},
		reviewtest.NotSent:    {"given back: the call had no effect", "The peer’s certificate has expired", "connecting to the provider"},
		reviewtest.ResolvedBy: {"Settled later", "Settled by"},
		reviewtest.Waited:     {"Waited for limits", "payments"},
		reviewtest.Refused:    {"No grant allowed the caller this operation."},
		reviewtest.Deprecated: {"The operation was deprecated then."},
		reviewtest.Open:       {"open: no outcome is on record", "The proof is of the intent alone"},
	} {
		_, body := p.get("/calls/log/" + calls[name])
		for _, text := range want {
			if !strings.Contains(body, text) {
				t.Errorf("%s: the page does not say %q", name, text)
			}
		}
	}
}

// TestCallFiles holds that the files of a call are what the log has: its lines byte for byte, and a proof of them that holds.
func TestCallFiles(t *testing.T) {
	p := callPagesOf(t, reviewtest.Log)
	id := p.made.Unknown[0] // has events
	var want bytes.Buffer
	if err := logfile.Read(p.dir, func(r *logfile.Record, line []byte) error {
		if r.Call == id || r.Subject == id {
			want.Write(append(line, '\n'))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	w, body := p.get("/calls/log/" + id + "/raw")
	if w.Code != http.StatusOK || body != want.String() || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment;") || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("raw: %d %v\n%s\nwant\n%s", w.Code, w.Header(), body, want.String())
	}
	_, body = p.get("/calls/log/" + id + "/proof.json")
	parsed, err := proof.Parse([]byte(body))
	if c, ok := parsed.(*proof.Call); err != nil || !ok || c.Call != id {
		t.Errorf("proof.json: %v %v", parsed, err)
	}
	if _, body = p.get("/calls/log/" + id + "/verify.py"); !strings.Contains(body, "def verify_proof(") {
		t.Error("verify.py is not sent")
	}
	if w, _ = p.get("/calls/log/" + id + "/proof"); w.Code != http.StatusOK {
		t.Error("no page of the proof:", w.Code)
	}
}

// TestCallIDs holds that nothing is read for an id that is none, and that a part of one leads to the search.
func TestCallIDs(t *testing.T) {
	p := callPagesOf(t, reviewtest.Log)
	id := p.made.Calls[reviewtest.Paid]
	unread := &callPages{t, "", p.made, handlerOf(&evidence.Log{Name: "log", FS: unreadable{t}})}
	for _, path := range []string{
		"/calls/other/" + id, "/calls/log/" + strings.ToUpper(id), "/calls/log/%7B" + id + "%7D", "/calls/log/x", "/calls/log/..%2f" + id, "/calls/log/" + id + "0",
		"/calls/log/x/raw", "/calls/log/" + id[24:] + "/proof.json", "/calls/log/x/verify.py", "/calls/other/" + id + "/proof", "/calls/log/" + strings.Repeat("0", 400),
	} {
		if w, _ := unread.get(path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w, _ := p.get("/calls/log/" + id[24:]); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/search?q="+id[24:] {
		t.Errorf("a part of an id: %d, %s", w.Code, w.Header().Get("Location"))
	}
	if w, _ := p.get("/calls/log/01a1e2fc-0000-7000-8000-000000000000"); w.Code != http.StatusNotFound {
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

// TestTamperedCall holds that the page of a call whose line was changed says so: by its index, and without one by the proof.
func TestTamperedCall(t *testing.T) {
	p := callPagesOf(t, reviewtest.Log)
	id := p.made.Calls[reviewtest.Paid]
	files, err := fs.Glob(os.DirFS(p.dir), "*.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file := filepath.Join(p.dir, name)
		text, err := os.ReadFile(file)
		at := bytes.Index(text, []byte(`"call":"`+id))
		if err != nil || at < 0 {
			continue
		}
		field := bytes.Index(text[at:], []byte(`"129.30"`))
		copy(text[at+field:], `"929.30"`)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if w, body := p.get("/calls/log/" + id); w.Code != http.StatusInternalServerError || !strings.Contains(body, "does not fit the log") {
			t.Error("the index does not show the change:", w.Code)
		}
		p.Handler = handlerOf(&evidence.Log{Name: "log", FS: os.DirFS(p.dir), Dir: p.dir})
		_, body := p.get("/calls/log/" + id)
		if !strings.Contains(body, "could not be proven") || strings.Contains(body, "checked now") {
			t.Error("the page does not say that the record was changed:\n", read(body))
		}
		if w, _ := p.get("/calls/log/" + id + "/proof.json"); w.Code == http.StatusOK {
			t.Error("there is a proof")
		}
		return
	}
	t.Fatal("no segment has the call")
}

// TestCallInNoTime holds that a page whose time is over says what it could not find.
func TestCallInNoTime(t *testing.T) {
	p := callPagesOf(t, reviewtest.Log)
	ctx, cancel := context.WithDeadlineCause(t.Context(), time.Unix(0, 0), errors.New("over"))
	defer cancel()
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "http://pages.example/calls/log/"+p.made.Calls[reviewtest.Paid], nil))
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "could not be looked up") {
		t.Errorf("%d\n%s", w.Code, read(w.Body.String()))
	}
}

// TestHostileCalls holds that texts of records stay text, whatever they are.
func TestHostileCalls(t *testing.T) {
	p := callPagesOf(t, reviewtest.Hostile)
	for text, id := range p.made.Calls {
		for _, lang := range words.Languages() {
			w, body := p.get("/calls/log/" + id + "?lang=" + string(lang))
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
