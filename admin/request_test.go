package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

// asked is a request with each kind of member and parameter.
type asked struct {
	Name  string    `json:"name"`
	Until time.Time `json:"until,omitzero"`
	All   bool      `json:"all"`
	Dry   bool      `json:"-" query:"dry_run"`
	Who   string    `json:"-" query:"who"`
}

func TestRequests(t *testing.T) {
	for _, c := range []struct {
		query, media, body string
		want               string // what is read, or what the answer says
		status             int
	}{
		{"", "", "", `{ 0001-01-01 00:00:00 +0000 UTC false false }`, 200},
		{"dry_run", "", "", `{ 0001-01-01 00:00:00 +0000 UTC false true }`, 200},
		{"dry_run=false&who=me", "application/json; charset=utf-8", `{"name":"x","all":true,"until":"2026-01-02T03:04:05Z"}`, `{x 2026-01-02 03:04:05 +0000 UTC true false me}`, 200},
		{"dry_run=maybe", "", "", "dry_run is true or false", 400},
		{"dry_run&dry_run", "", "", "dry_run is there twice", 400},
		{"dryrun", "", "", "dryrun", 400},
		{"dry_run;who=x", "", "", "query is malformed", 400},
		{"name=x", "", "", "is not known", 400},
		{"", "", `{}`, "application/json", 415},
		{"", "text/plain", `{}`, "application/json", 415},
		{"", "application/x-www-form-urlencoded", `name=x`, "application/json", 415},
		{"", "application/json", `{"name":1}`, `/name`, 400},
		{"", "application/json", `{"Name":"x"}`, `is not known`, 400},
		{"", "application/json", `{"nam":"x"}`, `/nam`, 400},
		{"", "application/json", `{"name":"x","name":"y"}`, "each member once", 400},
		{"", "application/json", `{"dry_run":true}`, `is not known`, 400},
		{"", "application/json", `{"name":"x"} {}`, "no JSON object", 400},
		{"", "application/json", `{"name":"x"`, "no JSON object", 400},
		{"", "application/json", `[]`, "the body", 400},
		{"", "application/json", `null`, "no JSON object", 400},
		{"", "application/json", `{"until":"tomorrow"}`, "/until", 400},
		{"", "application/json", `{"name":"` + strings.Repeat("x", maxBody) + `"}`, "65536 bytes", 413},
		{"", "application/json", `{"name":"` + strings.Repeat("x", maxBody-len(`{"name":""}`)) + `"}`, "xxx", 200},
	} {
		r := httptest.NewRequest("POST", "http://localhost/v1/x?"+c.query, strings.NewReader(c.body))
		if c.media != "" {
			r.Header.Set("Content-Type", c.media)
		}
		var got asked
		w := httptest.NewRecorder()
		err := new(Server).read(w, r, &got)
		said := fmt.Sprint(got)
		if err != nil {
			writeError(w, err)
			said = w.Body.String()
		}
		if w.Code != c.status || !strings.Contains(said, c.want) {
			t.Errorf("?%s %s %.60s: %d %.200s, want %d with %s", c.query, c.media, c.body, w.Code, said, c.status, c.want)
		}
	}
}

// TestSlowBody: a body that does not come is not waited for longer than its time.
func TestSlowBody(t *testing.T) {
	s := whole()
	s.bodyTime = time.Millisecond
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var into asked
		writeError(w, s.read(w, r, &into))
	}))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /v1/reload HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn) // ends when the server closes it
	if err != nil || !bytes.Contains(answer, []byte("408 Request Timeout")) {
		t.Errorf("%q, %v", answer, err)
	}
}

// FuzzRequest holds the reading of requests to encoding/json, which takes all that is taken here, and reads the same from it.
func FuzzRequest(f *testing.F) {
	for _, seed := range [][2]string{{"dry_run", `{}`}, {"who=x&dry_run=0", `{"name":"x","all":true}`}, {"a=%zz", `{"until":"2026-01-02T03:04:05Z"}`}, {"", `{"name":"\ud800"}`}} {
		f.Add(seed[0], []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, query string, body []byte) {
		r := &http.Request{Method: "POST", URL: &url.URL{RawQuery: query}, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body))}
		var got, want asked
		if err := new(Server).read(httptest.NewRecorder(), r, &got); err != nil {
			return
		}
		values, err := url.ParseQuery(query)
		if err != nil || len(values) > 2 || values.Has("who") != (len(values["who"]) == 1) {
			t.Errorf("taken: %q, %v", query, err)
		}
		if len(body) > 0 {
			if err := json.Unmarshal(body, &want); err != nil {
				t.Errorf("taken: %q, %v", body, err)
			}
		}
		want.Who, want.Dry = values.Get("who"), got.Dry
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q %q: %+v, want %+v", query, body, got, want)
		}
	})
}

// FuzzServer sends any request to each door: it is answered by the rule of the table, and a refusal has its form.
func FuzzServer(f *testing.F) {
	f.Add("GET", "/readyz", "localhost", "", []byte(""))
	f.Add("POST", "/v1/reload?dry_run", "localhost", "", []byte(`{"x":1}`))
	f.Add("GET", "/v1/../v1/status", "127.0.0.1", "https://evil.example", []byte(`[]`))
	s := whole()
	table := s.routes()
	f.Fuzz(func(t *testing.T, method, target, host, origin string, body []byte) {
		u, err := url.ParseRequestURI(target)
		if err != nil || method == "" {
			return
		}
		for _, v := range clients {
			r := &http.Request{Method: method, URL: u, Host: host, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body))}
			if origin != "" {
				r.Header.Set("Origin", origin)
			}
			w := v.ask(s, r)
			want := wanted(v, table, method, u.Path)
			if w.Code == http.StatusOK && (want != http.StatusOK || origin != "") {
				t.Errorf("%s: %s %q was served, want %d", v.name, method, target, want)
			}
			if w.Code != http.StatusOK {
				refusedWell(t, w)
			}
		}
	})
}

// TestHeldConnections: peers that may do nothing, or all users of a machine, hold no connection with a body that does not come, nor
// with answers that they do not read: a connection is closed after each.
func TestHeldConnections(t *testing.T) {
	s := whole()
	for name, c := range map[string]struct {
		Door
		request string
		status  string
	}{
		"refused at the socket":              {Socket, "POST /v1/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n", "403"},
		"refused at the socket, no body":     {Socket, "GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n", "403"},
		"loopback, a body that is not asked": {Loopback, "GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n", "200"},
		"loopback, wrong method":             {Loopback, "POST /livez HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", "405"},
		"loopback, no body":                  {Loopback, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", "200"},
		"another site":                       {Loopback, "POST /livez HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 10\r\n\r\n", "421"},
		"network, not identified":            {Network, "POST /metrics HTTP/1.1\r\nHost: gw\r\nContent-Length: 10\r\n\r\n", "401"},
	} {
		server := httptest.NewServer(s.Handler(c.Door))
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, c.request); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second)) // so that a failure ends the test
		answer, err := io.ReadAll(conn)                            // ends when the server closes it
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 "+c.status) {
			t.Errorf("%s: %q, %v", name, answer, err)
		}
		_ = conn.Close()
		server.Close()
	}
}
