// Package admin serves those who operate the gateway. It has three doors, and one table of what may be asked ([API.routes]):
//
//	the admin socket       everything, for the gateway's own user and root
//	a loopback address     /livez, /readyz and /metrics, for processes of this machine
//	the metrics listener   /readyz and /metrics, for those who show a client certificate or a token
//
// What changes or shows more than health is an act under /v1, which the socket alone serves. Who may do an act is decided in one
// place, [Server.authorize]. No door answers a web page of another site. [Client] is the other side, for commands.
package admin

import (
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Server answers requests. Its handlers may be called concurrently.
type Server struct {
	Registry *prometheus.Registry
	Ready    func() Readiness
	API      API
	UID      uint32 // of the gateway
	// Identify returns nil if a request at the metrics listener shows its sender, otherwise an [*Error]. Nil: no peer can show it.
	Identify func(*http.Request) error

	bodyTime time.Duration // 0: maxBodyTime
}

// Handler returns what a door serves.
func (s *Server) Handler(at Door) http.Handler {
	table := s.routes()
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if at == Loopback { // every user of the machine reaches it: a connection serves one request
			w.Header().Set("Connection", "close")
		}
		peer := s.peer(at, r)
		found, err := s.find(table, peer, r)
		if err != nil {
			writeError(w, err)
			return
		}
		found.serve(w, r, peer)
	})
	return withoutBody(ownSite(at, serve))
}

// RequestTime is how long a request may take in all.
const RequestTime = time.Minute

// withoutBody does not wait for a body: peers that are refused would hold their connections, and keep operators out. What reads one sets
// a deadline of its own.
func withoutBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now())
		}
		next.ServeHTTP(w, r)
	})
}

// Readiness says whether the gateway takes calls.
type Readiness struct {
	Ready    bool     `json:"ready"`              // whether calls are taken
	Reasons  []string `json:"reasons,omitempty"`  // why not
	Warnings []string `json:"warnings,omitempty"` // what hurts some calls only
	Notes    []string `json:"notes,omitempty"`    // what is no fault
}

// Liveness is what a process answers that answers at all.
type Liveness struct {
	Live bool `json:"live"` // true
}

func (s *Server) live(w http.ResponseWriter, _ *http.Request, _ Peer) {
	writeJSON(w, http.StatusOK, Liveness{true})
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request, _ Peer) {
	state, status := s.Ready(), http.StatusOK
	if !state.Ready {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, state)
}

// metrics returns the page of metrics, of which few are made at a time.
func (s *Server) metrics() handler {
	page := promhttp.HandlerFor(s.Registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
	return func(w http.ResponseWriter, r *http.Request, _ Peer) { page.ServeHTTP(w, r) }
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.MarshalWrite(w, value)
}

// LocalName returns an error unless a request names this machine. A web page can have a name of its own site point here.
func LocalName(r *http.Request) error {
	if isLocalHost(r.Host) {
		return nil
	}
	return &Error{http.StatusMisdirectedRequest, "use localhost or a loopback address as host"}
}

// ownSite refuses what a web page could send: a name that was made to point here, or another origin. A metrics listener is reached by
// names that are not known here; what it asks for, no page of another site has.
func ownSite(at Door, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch err := LocalName(r); {
		case at != Network && err != nil:
			writeError(w, err)
		case r.Header.Get("Origin") != "" || slices.Contains([]string{"cross-site", "same-site"}, r.Header.Get("Sec-Fetch-Site")):
			writeError(w, &Error{http.StatusForbidden, "requests of other sites are refused"})
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func isLocalHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(host, ".") // no part of a name
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
