package review

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tollgate/internal/words"
	"tollgate/review/evidence"
	"tollgate/review/session"
)

// request is a request for a page, with what all pages take from it.
type request struct {
	*http.Request
	route  route
	person *session.Person // nil: not signed in
	words  *words.Words
	zone   *time.Location
	now    time.Time // in the zone

	patience time.Duration // how long it is looked for what the page shows
	release  func()        // ends the turn of the page, for what waits for something else
}

// cookieName is of the cookie that remembers the language and the zone that a reader chose.
const cookieName = "tollgate-view"

// request reads what a reader prefers: the address first, then the cookie, then what the browser says.
func (s *Server) request(r *http.Request) *request {
	chosen := url.Values{}
	if c, err := r.Cookie(cookieName); err == nil {
		chosen, _ = url.ParseQuery(c.Value)
	}
	query := r.URL.Query()
	ask := &request{Request: r, zone: s.config.Zone, patience: s.patience}
	for _, name := range []string{chosen.Get("zone"), query.Get("zone")} {
		if zone, err := loadZone(name); err == nil {
			ask.zone = zone
		}
	}
	ask.words = words.In(words.Match(query.Get("lang"), chosen.Get("lang"), r.Header.Get("Accept-Language")))
	ask.now = s.config.Clock().In(ask.zone)
	return ask
}

// loadZone returns an IANA zone.
func loadZone(name string) (*time.Location, error) {
	if name == "" || name == "Local" || len(name) > 64 {
		return nil, errNotFound
	}
	return time.LoadLocation(name)
}

// preferences remembers what a reader chose, and goes back to the page.
func (s *Server) preferences(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	chosen := url.Values{}
	if lang := r.PostFormValue("lang"); slices.Contains(words.Languages(), words.Language(lang)) {
		chosen.Set("lang", lang)
	}
	if zone := r.PostFormValue("zone"); zone != "" {
		if _, err := loadZone(zone); err == nil {
			chosen.Set("zone", zone)
		}
	}
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: chosen.Encode(), Path: "/", Secure: r.TLS != nil, HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: 365 * 24 * 3600})
	http.Redirect(w, r, ownAddress(r.PostFormValue("next")), http.StatusSeeOther)
}

// ownAddress returns an address if it is one of these pages, and otherwise that of the first.
func ownAddress(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.Contains(next, `\`) {
		return "/"
	}
	return u.RequestURI()
}

func hostOf(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		return strings.ToLower(host)
	}
	return strings.ToLower(r.Host)
}

// page is what a handler makes: a template, and what it shows.
type page struct {
	name   string // of the template
	title  string
	status int // 0: 200
	data   any

	refresh int // seconds after which the browser loads it again; 0: it does not

	answer func(w http.ResponseWriter) // answers instead of the template, if it is set
}

// redirect leads to another of these pages.
func (r *request) redirect(address string) *page {
	return &page{answer: func(w http.ResponseWriter) { http.Redirect(w, r.Request, address, http.StatusSeeOther) }}
}

// patience is how long a page looks for what it shows. After that it shows what it has.
const patience = 2 * time.Second

// limited returns the context in which a page looks for what it shows.
func (r *request) limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.Context(), r.patience)
}

// frame is what the template of all pages is executed with.
type frame struct {
	Name, Title string
	Lang        words.Language
	Person      string
	Nav         []navLink
	Period      string // that the header offers
	Zone        string
	Query       string // what is searched for
	Languages   []languageLink
	Here        string // the address of the page
	Logs        []logLine
	Data        any
}

type navLink struct {
	Name, Address string
	Current       bool
}

type languageLink struct {
	Lang    words.Language
	Current bool
}

// logLine is what the header says of a log.
type logLine struct {
	Name string
	evidence.Standing
	Fault   bool         // it could not be read to the end
	NoIndex bool         // pages read the log itself
	State   []words.Part // what is known of its verification
	Bad     bool         // that found faults
}

// nav are the pages that the header leads to, with the names of those that belong to each.
func (r *request) nav() []navLink {
	month := r.now.Format("2006-01")
	links := []navLink{
		{Name: "inbox", Address: "/"}, {Name: "period", Address: "/period/" + month}, {Name: "calls", Address: "/calls"}, {Name: "access", Address: "/access"},
		{Name: "tls", Address: "/tls"}, {Name: "log", Address: "/log"},
	}
	for i := range links {
		links[i].Current = links[i].Name == r.route.name
	}
	return links
}

// frame returns what surrounds a page.
func (s *Server) frame(r *request, p *page) *frame {
	f := &frame{
		Name: p.name, Title: p.title, Lang: r.words.Language, Period: offeredPeriod(r), Zone: r.zone.String(), Query: r.URL.Query().Get("q"),
		Here: r.URL.RequestURI(), Data: p.data,
	}
	for _, lang := range words.Languages() {
		f.Languages = append(f.Languages, languageLink{lang, lang == f.Lang})
	}
	if r.person != nil {
		f.Person, f.Nav, f.Logs = r.person.Name, r.nav(), s.logLines(r)
	}
	return f
}

// offeredPeriod returns the period that the header offers: that of the page, or this month.
func offeredPeriod(r *request) string {
	if p := r.PathValue("period"); p != "" {
		return p
	}
	if p, err := ParsePeriod(r.URL.Query().Get(paramPeriod), r.zone); err == nil {
		return p.Text
	}
	return r.now.Format("2006-01")
}

func (s *Server) logLines(r *request) (lines []logLine) {
	for _, l := range s.config.Logs {
		standing, err := l.Standing(r.Context())
		v := s.verification(r, l)
		lines = append(lines, logLine{l.Name, standing, err != nil, l.Index == nil, v.state(r.words), v.Report != nil && !v.Report.Whole()})
	}
	return lines
}
