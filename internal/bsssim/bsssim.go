// Package bsssim is a stand-in for the billing API (BSS) of one site, for tests and for people who develop against BSS
// without an account: an [http.Handler] with toy accounts, orders, coupons and balances that move.
//
// It knows every operation of the catalog. Those that pay, renew, unsubscribe, allocate, issue or list act on the toy
// state; the others return a legal answer of the documented shape with nothing in it. Errors have the documented status
// and code; where no page names a code, the code starts with "SIM.". Messages and names of services are Chinese, or English with
// X-Language: en_US, as the pages document; those of the API gateway in front of BSS are English always.
//
// # What it checks
//
// In this order: the API exists (404 APIG.0101), a body has a Content-Length (411) and at most 12 MB (413), the AK/SK
// signature (401 APIG.0301, a date more than 15 minutes off 401 APIG.0303), the published quota of the operation per
// second, source address and account (429 APIG.0308), X-Domain-Id if sent (403), and that the account's class may call
// the operation. More than five wrong signatures in a row lock an access key for five minutes. The wrong class gets 403
// CBC.0151, from v1 partner operations 200 CBC.5001; v1 lists of prepaid resources answer a partner with an empty list,
// as the real API does.
//
// # The state at the start
//
// It is that of a [Seed], by default the built-in one, which seed.yaml lists and explains: partners, customers, access keys, orders,
// resources, coupons. Whenever a customer has no unpaid order left that its balance covers, after it paid or cancelled one, there is a new
// one like that: CS-c-17-1, CS-c-17-2 and so on.
//
// Ids made later count up, so that equal calls lead to equal states.
package bsssim

import (
	"cmp"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"tollgate/catalog"
)

// Class is the class of an account.
type Class string

// The classes.
const (
	Partner  Class = "partner"
	Customer Class = "customer"
)

// Account is one access key and the account that it belongs to.
type Account struct {
	AccessKey string
	SecretKey string // plain: throw-away by design
	// SecurityToken, if not empty, must come along in a signed X-Security-Token (temporary keys).
	SecurityToken    string
	DomainID         string // the account: partner id or customer id
	Class            Class
	Distributor      bool
	EnterpriseMaster bool
}

// Config is what a Server needs. The zero value simulates the site "cn" with the built-in seed.
type Config struct {
	Site     string           // "cn" (default) or "intl"
	Seed     *Seed            // of [ParseSeed]; nil: the built-in one
	Accounts []Account        // nil: those of the seed. Accounts that it does not know have 10000.00 (partner) or 500.00
	Clock    func() time.Time // nil: time.Now
	// Unthrottled switches the quotas off.
	Unthrottled bool
	// AllowUnsignedPayload accepts UNSIGNED-PAYLOAD in place of the body's hash. What the real front end does is not known.
	AllowUnsignedPayload bool
	// PayAgain has an order paid as often as it is asked for, by a provider that notices no repetition.
	PayAgain bool
	// CustomerIDs makes CreateSubCustomer answer 200 with ids, as its page's example does, rather than 204.
	CustomerIDs bool
}

// DefaultAccounts lists the accounts of the built-in seed. The keys are made up and good for nothing else.
func DefaultAccounts() []Account { return builtInSeed().accounts() }

// Server is the simulator. It is safe for concurrent use; acts on the toy state are one after the other.
type Server struct {
	config   Config
	router   *catalog.Router
	accounts map[string]*Account // by access key
	handlers map[string]handler
	shapes   map[string]map[string]any

	mu       sync.Mutex // guards all below
	state    *state
	locks    map[string]*lock // by access key; only known keys
	throttle throttle
	faults   []*Fault
	calls    ring
	requests uint64
}

// New builds a simulator. It panics on a site that the catalog lacks, an access key that is listed twice or an account without
// class: mistakes of the program that calls it.
func New(config Config) *Server {
	config.Site = cmp.Or(config.Site, "cn")
	if config.Seed == nil {
		config.Seed = builtInSeed()
	}
	if config.Accounts == nil {
		config.Accounts = config.Seed.accounts()
	}
	if config.Clock == nil {
		config.Clock = time.Now
	}
	operations := catalog.Operations(config.Site)
	if operations == nil {
		panic("bsssim: unknown site " + config.Site)
	}
	router, err := catalog.NewRouter(operations)
	if err != nil {
		panic("bsssim: " + err.Error())
	}
	s := &Server{config: config, router: router, accounts: make(map[string]*Account), handlers: allHandlers(), shapes: loadShapes()}
	for i := range config.Accounts {
		a := config.Accounts[i]
		if s.accounts[a.AccessKey] != nil {
			panic("bsssim: access key " + a.AccessKey + " twice")
		}
		if a.Class != Partner && a.Class != Customer {
			panic("bsssim: access key " + a.AccessKey + " has no class")
		}
		s.accounts[a.AccessKey] = &a
	}
	s.Reset()
	return s
}

// Accounts returns the accounts that the server knows, by their access keys.
func (s *Server) Accounts() []Account { return slices.Clone(s.config.Accounts) }

// Reset returns to the start state and drops calls, faults, locks and throttling.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = startState(s.config.Seed, s.config.Site, s.config.Clock())
	for _, a := range s.accounts {
		s.state.settle(a)
	}
	s.locks = make(map[string]*lock)
	s.throttle = throttle{}
	s.faults = nil
	s.calls = ring{}
}

// ServeHTTP answers one call. A fault that breaks the connection panics with [http.ErrAbortHandler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := newCall(r, s.config.Clock())
	s.mu.Lock()
	s.requests++
	call.RequestID = "sim-" + strconv.FormatUint(s.requests, 10)
	s.mu.Unlock()
	w.Header().Set("X-Request-Id", call.RequestID)
	w.Header().Set("Server", "bsssim")

	operation, params, known := s.router.Match(r.Method, r.URL.Path)
	if known {
		call.Operation = operation.Name
	}
	fault := s.takeFault(call.Operation)
	if fault.Kind == DropBeforeRead {
		s.record(call, 0)
		panic(http.ErrAbortHandler)
	}
	given := s.admitted(w, r, &call, operation, params, fault)
	given.english = wantsEnglish(r.Header)
	if breaksConnection(fault.Kind) {
		s.record(call, 0)
		breakConnection(w, fault.Kind, given)
	}
	s.record(call, given.status)
	given.write(w, call.RequestID)
}

// admitted reads and checks a call in the order of the package comment, and has it answered.
func (s *Server) admitted(w http.ResponseWriter, r *http.Request, call *Call, o *catalog.Operation, params catalog.Params, fault Fault) *answer {
	if o == nil {
		return gatewayError(http.StatusNotFound, "APIG.0101", "The API does not exist or has not been published in the environment")
	}
	if refusal := readBody(w, r, call); refusal != nil {
		return refusal
	}
	if fault.Delay > 0 && !pause(r, fault.Delay) {
		return &answer{status: http.StatusGatewayTimeout} // the caller has left
	}
	switch fault.Kind {
	case CloseAfterRead:
		return &answer{}
	case BadSignature:
		call.Signature = verdictFault
		return signatureError("verify aksk signature fail")
	case ServerError:
		return fail(http.StatusInternalServerError, "CBC.0999")
	}
	account, verdict, refusal := s.authenticate(r, call)
	call.Signature = verdict
	if refusal != nil {
		return refusal
	}
	call.Account = account.DomainID
	given := s.act(r, call, account, o, params, fault)
	if fault.Kind == BadGateway {
		return &answer{status: http.StatusBadGateway, html: "<html><body><h1>502 Bad Gateway</h1></body></html>\n"}
	}
	return given
}

// act applies quota and class, then lets the operation act on the state.
func (s *Server) act(r *http.Request, call *Call, account *Account, o *catalog.Operation, params catalog.Params, fault Fault) *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.config.Unthrottled {
		key := throttleKey{sourceAddress(r), o.Name, account.DomainID}
		if limit := int(o.Quota); !s.throttle.allow(key, limit, s.config.Clock()) {
			return gatewayError(http.StatusTooManyRequests, "APIG.0308",
				"The throttling threshold has been reached: policy user over ratelimit,limit:"+strconv.Itoa(limit)+",time:1 second")
		}
	}
	if domain := r.Header.Get("X-Domain-Id"); domain != "" && domain != account.DomainID {
		return fail(http.StatusForbidden, "CBC.0151")
	}
	if refusal := refuseClass(account, o, params); refusal != nil {
		return refusal
	}
	if s.state.full() {
		return failText(http.StatusInternalServerError, "SIM.0507", "the simulator holds as much as it can: reset it")
	}
	return s.dispatch(&request{
		state: s.state, account: account, operation: o, params: params, query: parseQuery(r.URL.RawQuery),
		raw: call.whole, now: s.config.Clock(), partial: fault.Kind == Partial, config: &s.config,
	})
}

// pause waits as a slow provider would; false means that the caller left.
func pause(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

func sourceAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
