package admin

import (
	"context"
	_ "embed"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// API has a function for each act under /v1. They may be called concurrently. An error that is an [*Error] has its status, others are
// internal ones; none may show a secret.
type API struct {
	// The state of the gateway: listeners, upstreams, credentials, limits in use, the log, certificates, the configuration.
	Status func(context.Context, Peer, StatusRequest) (*Status, error)
	// The plan that calls are decided by: what is allowed, without secrets.
	Plan func(context.Context, Peer, PlanRequest) (*Plan, error)
	// Reads the configuration, secrets and certificates again, and takes them whole or not at all.
	Reload func(context.Context, Peer, ReloadRequest) (*Reloaded, error)
	// The virtual keys of callers, and when each was last used.
	Keys func(context.Context, Peer, KeysRequest) (*Keys, error)
	// Stops calls, and returns when none of them can begin to go out any more.
	Freeze func(context.Context, Peer, FreezeRequest) (*Frozen, error)
	// Lifts freezes.
	Unfreeze func(context.Context, Peer, UnfreezeRequest) (*FreezeList, error)
	// The freezes in force.
	Freezes func(context.Context, Peer, FreezesRequest) (*FreezeList, error)
	// The business acts that calls hold, so that no other call does the same.
	Acts func(context.Context, Peer, ActsRequest) (*Acts, error)
	// Lets the next call that does the same act as one before pass once, and returns the act.
	AllowRepeat func(context.Context, Peer, AllowRepeatRequest) (*HeldAct, error)
	// Releases what calls hold of an act under a hash key that is lost, so that calls of the act pass again.
	AcceptKeyLoss func(context.Context, Peer, AcceptKeyLossRequest) (*LostAct, error)
	// What is used of caps.
	Caps func(context.Context, Peer, CapsRequest) (*Caps, error)
	// Shows what is known of a call whose outcome is unknown, or settles it.
	Resolve func(context.Context, Peer, ResolveRequest) (*Resolution, error)
	// The fleet as this member sees it: who is there, what differs, and what is not shared now.
	Fleet func(context.Context, Peer, FleetRequest) (*Fleet, error)
}

// route is a row of the table of what may be asked for.
type route struct {
	method, path string
	act          Act
	serve        handler
}

type handler func(http.ResponseWriter, *http.Request, Peer)

// routes is the table. openapi.json describes it, which a test holds.
func (s *Server) routes() []route {
	a := s.API
	return []route{
		{"GET", "/livez", "live", s.live},
		{"GET", "/readyz", "ready", s.ready},
		{"GET", "/metrics", "metrics", s.metrics()},
		{"GET", "/v1/openapi.json", "openapi", describe},
		{"GET", "/v1/status", "status", call(s, a.Status)},
		{"GET", "/v1/plan", "plan", call(s, a.Plan)},
		{"POST", "/v1/reload", "reload", call(s, a.Reload)},
		{"GET", "/v1/keys", "keys", call(s, a.Keys)},
		{"POST", "/v1/freeze", "freeze", call(s, a.Freeze)},
		{"POST", "/v1/unfreeze", "unfreeze", call(s, a.Unfreeze)},
		{"GET", "/v1/freezes", "freezes", call(s, a.Freezes)},
		{"GET", "/v1/acts", "acts", call(s, a.Acts)},
		{"POST", "/v1/allow-repeat", "allowrepeat", call(s, a.AllowRepeat)},
		{"POST", "/v1/accept-key-loss", "acceptkeyloss", call(s, a.AcceptKeyLoss)},
		{"GET", "/v1/caps", "caps", call(s, a.Caps)},
		{"POST", "/v1/resolve", "resolve", call(s, a.Resolve)},
		{"GET", "/v1/fleet", "fleet", call(s, a.Fleet)},
	}
}

// find returns the route of a request, if its peer may take it. What is GET is HEAD, too.
func (s *Server) find(table []route, p Peer, r *http.Request) (route, error) {
	allowed := map[string]bool{}
	for _, one := range table {
		if one.path != r.URL.Path {
			continue
		}
		if err := s.authorize(one.act, p); err != nil {
			return route{}, err
		}
		if one.method == r.Method || one.method == http.MethodGet && r.Method == http.MethodHead {
			return one, nil
		}
		allowed[one.method] = true
	}
	if err := s.authorize("", p); err != nil {
		return route{}, err
	}
	if len(allowed) == 0 {
		return route{}, &Error{http.StatusNotFound, "there is no such page"}
	}
	return route{}, &wrongMethod{slices.Sorted(maps.Keys(allowed))}
}

// wrongMethod is the error of a path that is there, for other methods.
type wrongMethod struct{ allowed []string }

func (e *wrongMethod) Error() string {
	return "this page takes " + strings.Join(e.allowed, " and ") + " only"
}

// Error is why a request is refused, as its answer says it.
type Error struct {
	Status int    `json:"-"`
	Text   string `json:"error"` // in words; of a configuration with problems, all of them with their places
}

func (e *Error) Error() string { return e.Text }

func writeError(w http.ResponseWriter, err error) {
	if wrong, ok := errors.AsType[*wrongMethod](err); ok {
		w.Header().Set("Allow", strings.Join(wrong.allowed, ", "))
		err = &Error{http.StatusMethodNotAllowed, err.Error()}
	}
	refused, ok := errors.AsType[*Error](err)
	if !ok {
		refused = &Error{http.StatusInternalServerError, err.Error()}
	}
	w.Header().Set("Connection", "close") // a peer that reads no answers has one connection for each
	if refused.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="tollgate metrics"`)
	}
	writeJSON(w, refused.Status, refused)
}

//go:embed openapi.json
var openAPI []byte

// describe serves the description of the API.
func describe(w http.ResponseWriter, _ *http.Request, _ Peer) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPI)
}
