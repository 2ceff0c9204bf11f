package snapshot

import (
	"crypto/tls"
	"maps"
	"reflect"
	"slices"
	"strings"

	"tollgate/caller"
	"tollgate/catalog"
	"tollgate/config"
	"tollgate/credential"
	"tollgate/grants"
	"tollgate/review/session"
	"tollgate/tlspolicy"
	"tollgate/upstream"
)

// document writes the whole text.
func (w *writer) document(c *config.Config, generations map[string]Generation) {
	w.object(w.sections(c, generations))
}

// sections returns what writes each section, by its key.
func (w *writer) sections(c *config.Config, generations map[string]Generation) map[string]func() {
	policies, err := c.Policies()
	if err != nil {
		policies = nil // of no checked configuration: nothing runs by it
	}
	sections := map[string]func(){
		"admin":          w.section(c.Admin),
		"audit":          w.section(c.Audit),
		"bounds":         w.section(c.Bounds),
		"caps":           w.section(c.Spend.Caps),
		"caps_default":   w.section(c.Spend.CapsDefault),
		"catalog":        func() { w.string(catalog.ID()) },
		"callers":        func() { w.callers(c.Callers, c.Grants) },
		"credentials":    func() { w.credentials(c.Credentials, generations) },
		"fleet":          w.section(c.Fleet),
		"guard":          w.section(c.Spend.Guard),
		"http_challenge": w.section(c.HTTPChallenge),
		"limits":         w.section(c.Limits),
		"listeners": func() {
			named(w, c.Listeners, func(l *config.Listener) string { return l.Name }, w.listener)
		},
		"log":          w.section(c.Log),
		"reload":       w.section(c.Reload),
		"metrics":      w.section(c.Metrics),
		"tls_policies": func() { w.policies(policies) },
		"tls_suites":   func() { w.value(reflect.ValueOf(suites(c, policies))) },
		"upstreams": func() {
			named(w, c.Upstreams, func(u *upstream.Config) string { return u.Name }, func(u *upstream.Config) { w.value(reflect.ValueOf(u)) })
		},
		"version": func() { w.value(reflect.ValueOf(Version)) },
	}
	if c.Review != nil { // plans without pages are the texts that they were before there were any
		sections["review"] = w.section(c.Review)
	}
	if c.Hardening.On() || len(c.Hardening.Paths) > 0 {
		sections["hardening"] = w.section(c.Hardening)
	}
	if len(c.Identities) > 0 {
		sections["identities"] = func() {
			named(w, c.Identities, func(i session.Identity) string { return i.Name }, func(i session.Identity) { w.value(reflect.ValueOf(i)) })
		}
	}
	return sections
}

// section returns a function that writes a section of the file.
func (w *writer) section(of any) func() { return func() { w.value(reflect.ValueOf(of)) } }

// named writes an object of things that have names.
func named[T any](w *writer, all []T, name func(T) string, write func(T)) {
	w.text = append(w.text, '{')
	for _, one := range slices.SortedFunc(slices.Values(all), func(a, b T) int { return strings.Compare(name(a), name(b)) }) {

		w.key(name(one))
		write(one)
		w.text = append(w.text, ',')
	}
	w.close('}')
}

// listener writes a listener without its name, which stands before it.
func (w *writer) listener(l *config.Listener) {
	unnamed := *l
	unnamed.Name = ""
	w.value(reflect.ValueOf(unnamed))
}

func (w *writer) credentials(all []*credential.Config, generations map[string]Generation) {
	named(w, all, func(c *credential.Config) string { return c.Name }, func(c *credential.Config) {
		w.members(reflect.ValueOf(*c), &extra{"generation", reflect.ValueOf(generations[c.Name])})
	})
}

// callers writes callers with their grants.
func (w *writer) callers(all []caller.Config, granted []grants.Grant) {
	of := make(map[string][]grants.Grant, len(all))
	for _, g := range granted {
		of[g.Caller] = append(of[g.Caller], g)
	}
	named(w, all, func(c caller.Config) string { return c.Name }, func(c caller.Config) {
		w.members(reflect.ValueOf(c), &extra{"grants", reflect.ValueOf(of[c.Name])})
	})
}

// policies writes what TLS policies come to.
func (w *writer) policies(policies map[string]*tlspolicy.Policy) {
	named(w, slices.Sorted(maps.Keys(policies)), func(name string) string { return name }, func(name string) {
		w.value(reflect.ValueOf(effective(policies[name])))
	})
}

// suites returns the suites of TLS 1.3, which the process has once for all.
func suites(c *config.Config, policies map[string]*tlspolicy.Policy) []string {
	plan, err := c.TLSPlan(policies)
	if err != nil {
		return nil // as above
	}
	return plan.Suites()
}

// effective returns the settings that say all of a policy.
func effective(p *tlspolicy.Policy) (c tlspolicy.Config) {
	for _, version := range p.Versions() {
		c.Versions = append(c.Versions, tls.VersionName(version)[len("TLS "):])
	}
	for _, suite := range p.Suites() {
		c.CipherSuites = append(c.CipherSuites, suite.Name)
	}
	for _, group := range p.Groups() {
		c.Groups = append(c.Groups, group.String())
	}
	return c
}
