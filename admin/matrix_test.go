package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tollgate/accept"
)

const ownUID = 4711

// whole returns a server whose every act succeeds, with an answer of its type that has something in each list and each part.
func whole() *Server {
	s := &Server{Registry: prometheus.NewRegistry(), Ready: func() Readiness { return filled(reflect.TypeFor[Readiness]()).Interface().(Readiness) }, UID: ownUID}
	api := reflect.ValueOf(&s.API).Elem()
	for i := range api.NumField() {
		function := api.Field(i)
		function.Set(reflect.MakeFunc(function.Type(), func([]reflect.Value) []reflect.Value {
			return []reflect.Value{filled(function.Type().Out(0)), reflect.Zero(reflect.TypeFor[error]())}
		}))
	}
	return s
}

// filled returns a value of a type in which nothing is left out.
func filled(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	switch kind := t.Kind(); {
	case t == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(noon))
	case kind == reflect.String:
		v.SetString("text")
	case kind == reflect.Bool:
		v.SetBool(true)
	case kind >= reflect.Int && kind <= reflect.Int64:
		v.SetInt(1)
	case kind >= reflect.Uint && kind <= reflect.Uint64:
		v.SetUint(1)
	case kind == reflect.Float64:
		v.SetFloat(1.5)
	case kind == reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		v.Elem().Set(filled(t.Elem()))
	case kind == reflect.Slice:
		v.Set(reflect.Append(v, filled(t.Elem())))
	case kind == reflect.Map:
		v.Set(reflect.MakeMap(t))
		v.SetMapIndex(filled(t.Key()), filled(t.Elem()))
	case kind == reflect.Struct:
		for i := range t.NumField() {
			v.Field(i).Set(filled(t.Field(i).Type))
		}
	}
	return v
}

// client is a peer of a listener, or of the socket.
type client struct {
	name string
	Door
	process    *accept.Peer
	identified error
}

var clients = []client{
	{"own uid", Socket, &accept.Peer{UID: ownUID, PID: 1}, nil},
	{"root", Socket, &accept.Peer{UID: 0, PID: 1}, nil},
	{"other uid", Socket, &accept.Peer{UID: ownUID + 1, PID: 1}, nil},
	{"the uid of no user", Socket, &accept.Peer{UID: 65534, PID: 1}, nil},
	{"unknown process", Socket, nil, nil},
	{"loopback", Loopback, nil, nil},
	{"metrics listener, identified", Network, nil, nil},
	{"metrics listener, not identified", Network, nil, &Error{http.StatusUnauthorized, "no token"}},
}

// ask sends a request as a client.
func (v client) ask(s *Server, r *http.Request) *httptest.ResponseRecorder {
	s.Identify = func(*http.Request) error { return v.identified }
	w := httptest.NewRecorder()
	s.Handler(v.Door).ServeHTTP(w, r.WithContext(accept.WithConnection(r.Context(), &accept.Connection{Peer: v.process})))
	return w
}

// wanted is the rule: the status of a request, by who sent it and what the table has.
func wanted(v client, table []route, method, path string) int {
	var methods []string
	seen := v.Door == Socket
	for _, r := range table {
		if r.path == path {
			methods = append(methods, r.method)
			seen = seen || v.Door == Loopback && slices.Contains([]string{"/livez", "/readyz", "/metrics"}, path) ||
				v.Door == Network && slices.Contains([]string{"/readyz", "/metrics"}, path)
		}
	}
	switch {
	case v.Door == Socket && (v.process == nil || v.process.UID != ownUID && v.process.UID != 0):
		return http.StatusForbidden
	case v.identified != nil:
		return http.StatusUnauthorized
	case len(methods) == 0 || !seen:
		return http.StatusNotFound
	case slices.Contains(methods, method) || method == "HEAD" && slices.Contains(methods, "GET"):
		return http.StatusOK
	}
	return http.StatusMethodNotAllowed
}

// TestMatrix sends each method to each path of the table, and to some that are not in it, as each client.
func TestMatrix(t *testing.T) {
	s := whole()
	table, served := s.routes(), 0
	paths := []string{"/", "/nothing", "/livez/", "//livez", "/LIVEZ", "/v1", "/v1/", "/v1/status/", "/v1/../livez", "/v2/status", "/v1/status%2f", "/%76%31/nothing"}
	for _, r := range table {
		paths = append(paths, r.path)
	}
	slices.Sort(paths)
	for _, v := range clients {
		for _, path := range slices.Compact(paths) {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "RELOAD"} {
				w := v.ask(s, httptest.NewRequest(method, "http://localhost"+path, nil))
				want := wanted(v, table, method, path)
				if w.Code != want {
					t.Errorf("%s: %s %s: %d, want %d: %s", v.name, method, path, w.Code, want, w.Body)
				}
				if want == http.StatusOK {
					served++
				} else {
					refusedWell(t, w)
				}
			}
		}
	}
	if least := 2 * len(table); served < least {
		t.Errorf("%d requests were served, fewer than %d", served, least)
	}
}

// refusedWell holds a refusal to its form.
func refusedWell(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	var refused Error
	if err := json.Unmarshal(w.Body.Bytes(), &refused); err != nil || refused.Text == "" {
		t.Errorf("%d: %q says no error", w.Code, w.Body)
	}
	if (w.Code == http.StatusMethodNotAllowed) != (w.Header().Get("Allow") != "") || (w.Code == http.StatusUnauthorized) != (w.Header().Get("WWW-Authenticate") != "") {
		t.Errorf("%d with %v", w.Code, w.Header())
	}
}

// TestAnswersAreAsDescribed holds the answer of each act to its schema in openapi.json, full and empty.
func TestAnswersAreAsDescribed(t *testing.T) {
	var document struct {
		Paths      map[string]map[string]object
		Components struct{ Schemas object }
	}
	if err := json.Unmarshal(openAPI, &document); err != nil {
		t.Fatal(err)
	}
	full := whole()
	for _, r := range full.routes() {
		if r.act == "metrics" {
			continue
		}
		w := clients[0].ask(full, httptest.NewRequest(r.method, "http://localhost"+r.path, nil))
		var value any
		if err := json.Unmarshal(w.Body.Bytes(), &value); err != nil {
			t.Errorf("%s: %v", r.path, err)
			continue
		}
		responses := document.Paths[r.path][strings.ToLower(r.method)]["responses"].(object)
		schema := responses["200"].(object)["content"].(object)["application/json"].(object)["schema"].(object)
		if err := conforms(document.Components.Schemas, schema, value, r.path); err != nil {
			t.Error(err)
		}
		if function, ok := apiFunction(r.act); ok { // what has nothing in it
			w := httptest.NewRecorder()
			writeJSON(w, http.StatusOK, reflect.New(function.Type.Out(0).Elem()).Interface())
			if err := json.Unmarshal(w.Body.Bytes(), &value); err != nil {
				t.Fatal(err)
			}
			if err := conforms(document.Components.Schemas, schema, value, r.path); err != nil {
				t.Error("empty: ", err)
			}
		}
	}
}

// TestWebPages: what a browser sends for a page of another site is refused at every door, also to those who may do everything.
func TestWebPages(t *testing.T) {
	s := whole()
	for _, v := range clients {
		if v.identified != nil || wanted(v, s.routes(), "GET", "/readyz") != http.StatusOK {
			continue
		}
		for _, c := range []struct {
			host, header, value string
			status              int
		}{
			{"localhost", "", "", 200}, {"localhost:80", "", "", 200}, {"LOCALHOST.", "", "", 200}, {"127.0.0.1:9090", "", "", 200}, {"[::1]", "", "", 200},
			{"evil.example", "", "", 421}, {"localhost.evil.example", "", "", 421}, {"127.0.0.1.evil.example", "", "", 421}, {"10.0.0.1", "", "", 421}, {"", "", "", 421},
			{"localhost", "Origin", "https://evil.example", 403}, {"localhost", "Origin", "null", 403}, {"localhost", "Origin", "http://localhost", 403},
			{"localhost", "Sec-Fetch-Site", "cross-site", 403}, {"localhost", "Sec-Fetch-Site", "same-site", 403}, {"localhost", "Sec-Fetch-Site", "none", 200},
		} {
			r := httptest.NewRequest("GET", "http://localhost/readyz", nil)
			r.Host = c.host
			if c.header != "" {
				r.Header.Set(c.header, c.value)
			}
			want := c.status
			if v.Door == Network && want == 421 { // its names are not known here
				want = 200
			}
			if w := v.ask(s, r); w.Code != want {
				t.Errorf("%s: host %q, %s %q: %d, want %d", v.name, c.host, c.header, c.value, w.Code, want)
			}
		}
	}
}

// TestUnwired: an act that the gateway lacks is answered as that.
func TestUnwired(t *testing.T) {
	s := whole()
	s.API = API{}
	for _, r := range s.routes() {
		if _, ok := apiFunction(r.act); !ok {
			continue
		}
		if w := clients[0].ask(s, httptest.NewRequest(r.method, "http://localhost"+r.path, nil)); w.Code != http.StatusNotImplemented {
			t.Errorf("%s: %d %s", r.path, w.Code, w.Body)
		}
	}
}

// TestErrors: an act's own error has its status, another is internal.
func TestErrors(t *testing.T) {
	for want, err := range map[int]error{422: fmt.Errorf("reload: %w", &Error{422, "line 12"}), 500: errors.New("disk")} {
		w := httptest.NewRecorder()
		if writeError(w, err); w.Code != want || !strings.Contains(w.Body.String(), map[int]string{422: `"line 12"`, 500: `"disk"`}[want]) {
			t.Errorf("%v: %d %s", err, w.Code, w.Body)
		}
	}
}
