// Package review serves pages on which people look at what the log says: exceptions, months, calls, who may do what, TLS, the log itself.
//
// # The way of a request
//
// server.go has the table of routes and what is decided of each request before its page: its host, who asks, whether views can be
// recorded. frame.go has what all pages share: language, zone, period, the line about the source. Each page has a file with its handler,
// and a template of the same name in pages/. render.go writes it.
//
// # Safety
//
// A page has no script, and its content security policy allows none. Texts of records come from unauthenticated peers: they are written by the
// templates "value" and "said", which make control characters visible and keep the order of characters to themselves, and never become
// markup or addresses of links. GET changes nothing but the log of views.
package review

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"tollgate/gateway"
	"tollgate/internal/pace"
	"tollgate/internal/words"
	"tollgate/review/evidence"
	"tollgate/review/inbox"
	"tollgate/review/jobs"
	"tollgate/review/session"
)

// Config is what pages are made of.
type Config struct {
	Logs  evidence.Logs
	Zone  *time.Location   // of times and of days, unless a reader chooses another
	Clock func() time.Time // the time now
	Hosts []string         // that requests may name, without port
	Door  Door
	Views Views // nil: nothing is written

	// Expiring returns the certificates and keys that the running gateway knows of; nil: records alone say what ends.
	Expiring func() []inbox.Expiry
	// Plan returns the plan by which this process calls. Nil: it does not call.
	Plan func() *gateway.Plan
	// Jobs runs what pages do that takes long. Nil: a runner of the server's own, which never ends.
	Jobs *jobs.Runner
	// Patience is how long a page looks for what it shows; 0: two seconds.
	Patience time.Duration
	// AtOnce is how many pages with records are made at a time, so that readers cannot take the calls' processors; 0: any number.
	AtOnce int
}

// Door decides who may look. One that is a [Gate] has pages to sign in and out.
type Door interface {
	// Who returns the person who is signed in; nil if there is none.
	Who(r *http.Request) *session.Person
}

// Views takes up which pages were looked at.
type Views interface {
	// Seen records that a person is about to be shown a page, by its path, with a query in one spelling. It does not wait. After an error
	// the page must not be shown.
	Seen(person, page, query string) error
	// Ready returns why views cannot be recorded now; nil if they can.
	Ready() error
}

// Server serves the pages. Make it with [New].
type Server struct {
	config    Config
	templates map[words.Language]templates
	routes    []route
	turns     *turns
	downloads *turns
	patience  time.Duration // see [patience]; tests have other ones
}

// New returns a server.
func New(c Config) *Server {
	if c.Jobs == nil {
		c.Jobs = jobs.New(c.Clock, false)
	}
	s := &Server{config: c, templates: parseTemplates(), turns: newTurns(c.AtOnce), downloads: newTurns(min(c.AtOnce, 1)), patience: cmp.Or(c.Patience, patience)}
	s.routes = s.table()
	return s
}

// route is a page.
type route struct {
	pattern string // of http.ServeMux
	name    string // of the page, as records of views have it
	records bool   // it shows records: who looks must be signed in, and the view is recorded
	serve   func(*Server, *request) (*page, error)
}

// table is what is served.
func (s *Server) table() []route {
	return []route{
		{"GET /{$}", "inbox", true, (*Server).inbox},
		{"GET /exceptions/{id...}", "exception", true, (*Server).exception},
		{"GET /period", "period", false, (*Server).periodChosen},
		{"GET /period/{period}", "period", true, (*Server).period},
		{"POST /period/{period}/read", "period", true, (*Server).startReading},
		{"POST /period/{period}/cancel", "period", true, (*Server).cancelReading},
		{"GET /calls", "calls", true, (*Server).calls},
		{"GET /calls.csv", "calls", true, (*Server).callsCSV},
		{"GET /calls.json", "calls", true, (*Server).callsJSON},
		{"GET /search", "search", true, (*Server).search},
		{"GET /calls/{log}/{id}", "call", true, (*Server).call},
		{"GET /calls/{log}/{id}/raw", "call", true, (*Server).callRaw},
		{"GET /calls/{log}/{id}/proof", "call", true, (*Server).callProof},
		{"GET /calls/{log}/{id}/proof.json", "call", true, (*Server).callProofFile},
		{"GET /calls/{log}/{id}/verify.py", "call", true, (*Server).callVerifier},
		{"GET /about", "about", true, (*Server).about},
		{"GET /log", "log", true, (*Server).log},
		{"POST /log/verify", "log", true, (*Server).startVerify},
		{"POST /log/cancel", "log", true, (*Server).cancelVerify},
		{"GET /access", "access", true, (*Server).access},
		{"GET /access/plan.json", "access", true, (*Server).planJSON},
		{"GET /tls", "tls", true, (*Server).tls},
		{"POST /tls/make", "tls", true, (*Server).startTLS},
		{"POST /tls/cancel", "tls", true, (*Server).cancelTLS},
		{"GET /health", "health", false, (*Server).health},
	}
}

// Handler returns what serves requests.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, handler := range s.handlers() {
		mux.Handle(pattern, handler)
	}
	mux.Handle("/", s.page(route{name: "missing", serve: func(*Server, *request) (*page, error) { return nil, errNotFound }}))
	return s.guarded(http.NewCrossOriginProtection().Handler(mux))
}

// Routes returns the patterns of [http.ServeMux] that are served, in order.
func (s *Server) Routes() []string { return slices.Sorted(maps.Keys(s.handlers())) }

// handlers returns what serves each pattern.
func (s *Server) handlers() map[string]http.Handler {
	all := map[string]http.Handler{
		"GET /style.css": http.HandlerFunc(serveStyle), "GET /icon.svg": http.HandlerFunc(serveIcon), "POST /preferences": http.HandlerFunc(s.preferences),
	}
	for _, one := range s.routes {
		all[one.pattern] = s.page(one)
	}
	if gate, ok := s.config.Door.(*Gate); ok {
		maps.Copy(all, s.signInHandlers(gate))
	}
	return all
}

// policy is the content security policy: what stands in the page itself, its style sheet and its forms.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guarded answers what is not for these pages, and sets the headers of all answers.
func (s *Server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !slices.Contains(s.config.Hosts, hostOf(r)) {
			http.Error(w, "this host name is not served here", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// page returns the handler of a page.
func (s *Server) page(one route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ask := s.request(r)
		ask.route = one
		if ask.person = s.config.Door.Who(r); ask.person == nil && one.records {
			http.Redirect(w, r, signInAddress(r), http.StatusSeeOther)
			return
		}
		release, err := s.turn(ask)
		defer release()
		ask.release = release
		var p *page
		if err == nil {
			p, err = s.shown(ask)
		}
		if err != nil {
			p = ask.failed(err)
		}
		if p.status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "5")
		}
		if p.answer != nil {
			release() // downloads have turns of their own
			p.answer(w)
			return
		}
		body := s.rendered(ask, p)
		release() // who takes the page slowly keeps no turn
		send(w, ask, p, body)
	})
}

// turn waits for the turn of a page with records, which ends with release. Such a page is made at the pace of jobs: see [pace.Step].
func (s *Server) turn(ask *request) (release func(), err error) {
	if !ask.route.records {
		return func() {}, nil
	}
	release, err = s.turns.take(ask.Context())
	if p := s.config.Jobs.Pace(); p != nil {
		ask.Request = ask.WithContext(pace.With(ask.Context(), p))
	}
	return release, err
}

// MaxViewed bounds the path and the query of a page whose views are recorded, in bytes. A record that had not all of them would hide what was looked
// for behind what says nothing.
const MaxViewed = 1000

// shown makes a page, unless its view cannot be recorded.
func (s *Server) shown(ask *request) (*page, error) {
	if views := s.config.Views; views != nil && ask.route.records {
		if len(ask.URL.Path) > MaxViewed || len(ask.URL.Query().Encode()) > MaxViewed {
			return nil, errLongView
		}
		if err := views.Seen(ask.person.Name, ask.URL.Path, ask.URL.Query().Encode()); err != nil {
			return nil, errNoViews
		}
	}
	return ask.route.serve(s, ask)
}

// failure is why there is no page, in words of a message.
type failure struct {
	status int
	words  string // id of the message
	args   []any  // names and values
}

func (f *failure) Error() string { return f.words }

var (
	errNotFound = &failure{http.StatusNotFound, "failed.not_found", nil}
	errNoViews  = &failure{http.StatusServiceUnavailable, "failed.no_views", nil}
	errLongView = &failure{http.StatusRequestURITooLong, "failed.long_view", []any{"Most", MaxViewed}}
)

// failedPage is what the page of an error is executed with.
type failedPage struct {
	Said  []words.Part
	Fault bool // of this process or of a log
}

// failed returns the page of an error. What the error says of the log is for the reader, who must know that something is missing.
func (r *request) failed(err error) *page {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		f = &failure{http.StatusInternalServerError, "failed.error", []any{"Error", err.Error()}}
	}
	return &page{name: "failed", title: r.words.Text("failed.title"), status: f.status, data: failedPage{r.words.Said(f.words, f.args...), f.status == http.StatusInternalServerError}}
}
