package gateway_test

import (
	"context"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tollgate/caller"
	"tollgate/catalog"
	"tollgate/gateway"
	"tollgate/grants"
	"tollgate/internal/setting"
	"tollgate/ratelimit"
	"tollgate/spend"
	"tollgate/upstream"
)

// variants are ways to call an operation, right and wrong.
var variants = map[string]func(*signed){
	"its own account":    func(*signed) {},
	"two readings":       func(s *signed) { s.body = `{"a":1,"A":2}` },
	"a customer":         func(s *signed) { s.body = `{"customer_id":"c-17","customer_ids":["c-17"]}` },
	"another customer":   func(s *signed) { s.body = `{"customer_id":"c-18"}` },
	"a bad amount":       func(s *signed) { s.body = `{"face_value":" 5","amount":{},"adjust_amount":"x"}` },
	"too long":           func(s *signed) { s.body = `{"memo":"` + strings.Repeat("a", 2000) + `"}` },
	"a form":             func(s *signed) { s.body, s.header = "a=b", []string{"Content-Type: application/x-www-form-urlencoded"} },
	"an encoding":        func(s *signed) { s.header = []string{"Content-Encoding: gzip"} },
	"odd headers":        func(s *signed) { s.header = []string{"X-Language: é"} },
	"the right account":  func(s *signed) { s.header = []string{"X-Domain-Id: " + customerAccount} },
	"another account":    func(s *signed) { s.header = []string{"X-Domain-Id: c-18"} },
	"two accounts":       func(s *signed) { s.header = []string{"X-Domain-Id: c-1", "X-Domain-Id: c-1"} },
	"a token":            func(s *signed) { s.header = []string{"X-Auth-Token: t"} },
	"a bearer":           func(s *signed) { s.header = []string{"Authorization: Bearer t"} },
	"a credential":       func(s *signed) { s.header = []string{"Tollgate-Credential: acme"} },
	"a repeat":           func(s *signed) { s.header = []string{"Tollgate-Repeat: " + noCall} },
	"two repeats":        func(s *signed) { s.header = []string{"Tollgate-Repeat: " + noCall, "Tollgate-Repeat: " + noCall} },
	"no ids":             func(s *signed) { s.body = `{}` },
	"two credentials":    func(s *signed) { s.header = []string{"Tollgate-Credential: acme", "Tollgate-Credential: acme"} },
	"no such credential": func(s *signed) { s.header = []string{"Tollgate-Credential: x"} },
	"another method":     func(s *signed) { s.method = "PATCH" },
	"a slash":            func(s *signed) { s.target += "/" },
	"another case":       func(s *signed) { s.target = strings.Replace(s.target, "/v", "/V", 1) },
	"an odd path":        func(s *signed) { s.target = strings.Replace(s.target, "/", "/../", 1) },
	"an odd query":       func(s *signed) { s.target += "?a;b" },
	"a long query":       func(s *signed) { s.target += "?x=" + strings.Repeat("金", 2000) },
	"an odd name":        func(s *signed) { s.target += "?%EF%BD%9E=1" },
}

var explainCallers = []string{partnerCaller, customerCaller, bothCaller, localCaller, "limited", "none"}

// explained is a gateway with a listener for each caller and site, and what its calls met.
type explained struct {
	*fixture
	counted [][]ratelimit.Limit
	claims  []*spend.Claim
	signed  string // Authorization that the upstream got
	codes   map[string]int
	grants  map[int]bool
	acts    map[string]bool
}

func newExplained(t *testing.T) *explained {
	e := &explained{codes: map[string]int{}, grants: map[int]bool{}, acts: map[string]bool{}}
	e.fixture = benchFixture(t, transport(func(r *upstream.Request) (*upstream.Response, error) {
		e.signed = r.Header.Get("Authorization")
		return staticAnswer(r)
	}), e.set(t))
	return e
}

func (e *explained) set(t *testing.T) adjustment {
	return func(f *fixture) {
		f.plan.Callers = callers(t, caller.Config{Name: "limited"}, caller.Config{Name: "none"})
		f.plan.Grants = f.table(t, append(usualGrants(f.credentials), grants.Grant{
			Caller: "limited", Upstream: "bss", Operations: []string{"*"}, Credential: f.credentials["partner-main"].Name(), Customers: []setting.Account{"c-17", "x1"},
		}))
		f.plan.Limits = must(ratelimit.NewRules(ratelimit.Config{Rules: []ratelimit.Rule{
			{Name: "each", Per: []ratelimit.Dimension{ratelimit.ByCaller}, Rate: 1e6, Burst: 1e6},
			{Name: "pay", Operations: []string{"PayOrders"}, Rate: 1e6, Burst: 1e6},
			{Name: "acme", Credentials: []string{"acme"}, Rate: 1e6, Burst: 1e6},
		}}))
		f.plan.Spend = must(spend.NewRules(spend.Config{
			Guard: spend.Guard{Mode: spend.Shadow, Windows: map[string]setting.Duration{"pay": setting.Duration(setting.Day)}},
			Caps: []spend.CapConfig{
				{Name: "all", Per: spend.PerCaller, Each: spend.EachDay, Count: 1e6, Mode: spend.Hard},
				{Name: "pay", Match: spend.Match{Operations: []string{"PayOrders"}}, Each: spend.EachMonth, Count: 1e6, Mode: spend.Soft},
			},
		}))
		f.config.Ledger = claimed{spend.NewMemory(), func(c *spend.Claim) { e.claims = append(e.claims, c) }}
		f.config.Limiter = watchedLimiter{f.config.Limiter, func(d *ratelimit.Demand) { e.counted = append(e.counted, d.Limits) }}
		f.listener.Hosts = append(f.listener.Hosts, "intl.test")
		for i, site := range catalog.Sites() {
			for _, name := range explainCallers {
				l := &gateway.Listener{Name: name + "/" + site, Caller: name, Routes: []gateway.Route{f.listener.Routes[i]}}
				l.Routes[0].Hosts = nil
				f.plan.Listeners[l.Name] = l
			}
		}
	}
}

// compare makes a call, and asks for an explanation of it.
func (e *explained) compare(t *testing.T, listener, upstream, caller, text string) {
	t.Helper()
	_, body, _ := strings.Cut(text, "\r\n\r\n")
	r, w := readRequest(t, text), httptest.NewRecorder()
	r.RemoteAddr = "127.0.0.1:4000"
	ruling, err := e.plan.Explain(&gateway.Question{
		Caller: caller, HasKey: true, Listener: listener, Upstream: upstream, Method: r.Method, Target: r.RequestURI, Header: r.Header.Clone(), Body: []byte(body),
	})
	if err != nil {
		t.Fatal(err)
	}
	e.counted, e.claims, e.signed = nil, nil, ""
	decision := e.gateway.ServeDecided(listener, w, r)
	met := reply{status: w.Code, header: w.Header(), body: w.Body.String()}
	e.codes[met.code()]++
	if why := ruling.Refusal; why != nil {
		if p := met.problem(t); met.code() != why.Code.Number || !slices.Equal(p.Choices, why.Choices) || p.Detail != why.Detail && p.ErrorCode != "TG.4001" {
			t.Errorf("%s by %s at %s: answer %s %s %v, foreseen %v %v", text, caller, listener, met.code(), p.Detail, p.Choices, why, why.Choices)
		}
		return
	}
	e.grants[decision.Grant] = true
	switch {
	case met.status != 200 || !reflect.DeepEqual(decision, ruling.Decision):
		t.Errorf("%s by %s at %s: answer %d %s by %+v, foreseen %+v", text, caller, listener, met.status, met.body, decision, ruling.Decision)
	case !reflect.DeepEqual(e.counted, [][]ratelimit.Limit{ruling.Limits}) || len(ruling.Limits) == 0:
		t.Errorf("%s by %s at %s: counted by %+v, foreseen %+v", text, caller, listener, e.counted, ruling.Limits)
	case !strings.Contains(e.signed, "Access="+upstreamKeyOf(ruling.Decision.Credential.Name)+","):
		t.Errorf("%s by %s at %s: signed by %s, foreseen %s", text, caller, listener, e.signed, ruling.Decision.Credential.Name)
	}
	e.compareClaim(t, text, &ruling)
}

// compareClaim compares what the call reserved with what was foreseen of it.
func (e *explained) compareClaim(t *testing.T, text string, r *gateway.Ruling) {
	t.Helper()
	if len(e.claims) == 0 {
		if r.Act != nil || r.Caps != nil {
			t.Errorf("%s reserves nothing, foreseen %+v and %d caps", text, r.Act, len(r.Caps))
		}
		return
	}
	c := e.claims[0]
	var caps []*spend.Cap
	for _, charge := range c.Charges {
		caps = append(caps, charge.Cap)
	}
	if r.Act == nil || c.Act != r.Act.Name || len(c.Keys) != len(r.Act.Keys) || c.Keys[0].Window != r.Act.Keys[0].Window || !slices.Equal(caps, r.Caps) {
		t.Errorf("%s reserves %+v, foreseen %+v and %d caps", text, c, r.Act, len(r.Caps))
	}
	e.acts[c.Act] = true
}

// claimed is a ledger that shows its claims.
type claimed struct {
	*spend.Memory
	show func(*spend.Claim)
}

func (l claimed) Reserve(ctx context.Context, c *spend.Claim) (spend.Report, error) {
	l.show(c)
	return l.Memory.Reserve(ctx, c)
}

// TestExplainSaysWhatCallsMeet: for every operation, by whomever and however it is called, a plan says the code, the grant, the credential and
// the limits that the call meets, and says why in the same words.
func TestExplainSaysWhatCallsMeet(t *testing.T) {
	e := newExplained(t)
	for _, site := range catalog.Sites() {
		for _, o := range catalog.Operations(site) {
			for _, name := range explainCallers {
				for _, account := range []string{partnerAccount, customerAccount, "c-17"} {
					s := callOf(o, name, account)
					e.compare(t, name+"/"+site, "", name, plain(s.method, s.target, s.body))
				}
			}
			for _, change := range variants {
				for _, name := range []string{bothCaller, "limited"} {
					s := callOf(o, name, partnerAccount)
					change(&s)
					e.compare(t, name+"/"+site, "", name, plain(s.method, s.target, s.body, s.header...))
				}
			}
			upstream := map[string]string{"cn": "bss", "intl": "bss-intl"}[site]
			e.compare(t, "local", upstream, customerCaller, callOf(o, customerCaller, customerAccount).text(t))
		}
	}
	for code, least := range map[string]int{
		"": 500, "TG.1001": 50, "TG.1002": 500, "TG.1003": 500, "TG.1005": 50, "TG.1006": 50, "TG.1007": 50, "TG.1008": 1, "TG.1009": 50, "TG.3013": 10, "TG.2003": 100,
		"TG.3001": 100, "TG.3002": 100, "TG.3003": 10, "TG.3004": 50, "TG.3005": 50, "TG.3006": 5, "TG.3009": 100, "TG.4001": 100, "TG.4005": 50, "TG.4007": 20,
	} {
		if e.codes[code] < least {
			t.Errorf("%d calls met code %q, want %d", e.codes[code], code, least)
		}
	}
	if len(e.acts) < 18 {
		t.Errorf("calls were %d acts", len(e.acts))
	}
	if len(e.grants) < 6 {
		t.Errorf("calls were allowed by %d grants", len(e.grants))
	}
}
