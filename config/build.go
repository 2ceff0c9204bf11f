package config

import (
	"crypto/tls"
	"fmt"
	"maps"
	"slices"

	"tollgate/catalog"
	"tollgate/config/strictyaml"
	"tollgate/credential"
	"tollgate/grants"
	"tollgate/internal/certs"
	"tollgate/internal/nearest"
	"tollgate/internal/setting"
	"tollgate/tlspolicy"
	"tollgate/upstream"
)

// builder makes a Config of a decoded file. It runs over files with problems too, to find the others, so everything it
// looks at may be missing; what depends on something that failed is left out silently.
type builder struct {
	*strictyaml.Document
	name    string // of the main file, as it was given
	dir     string
	options Options
	file    fileConfig
	config  *Config

	isIncluded   map[string]bool         // by path
	includedSize int                     // of those together
	callerParts  []callerPart            // of all files, in their order
	callerPaths  map[string]string       // where each caller is defined
	extensions   map[string][]callerPart // by caller

	policies    map[string]*tlspolicy.Policy // those that could be made
	upstreams   map[string]*upstream.Config
	credentials map[string]*credential.Facts
	operations  map[string][]*catalog.Operation             // by upstream
	every       []*upstream.Config                          // those with problems of their own included
	table       *grants.Table                               // nil: the grants have problems
	chains      map[certs.CertificateFiles]*tls.Certificate // that were read
	owners      map[string]owner                            // of secrets that were read
	private     map[string]bool                             // the paths of PrivateFiles

	callerNames, credentialNames, upstreamNames []string // of all files, sorted, those with problems included
	suggested                                   int      // how often [builder.suggest] looked for a name
}

func newBuilder(name, dir string, o Options) *builder {
	return &builder{
		name: name, dir: dir, options: o, config: &Config{Dir: dir},
		isIncluded:  map[string]bool{},
		callerPaths: map[string]string{},
		extensions:  map[string][]callerPart{},
		upstreams:   map[string]*upstream.Config{},
		credentials: map[string]*credential.Facts{},
		operations:  map[string][]*catalog.Operation{},
		chains:      map[certs.CertificateFiles]*tls.Certificate{},
		owners:      map[string]owner{},
		private:     map[string]bool{},
	}
}

// problem reports something about the value at a path.
func (b *builder) problem(path, suggestion, format string, args ...any) {
	b.Add(b.Where(path), path, suggestion, format, args...)
}

func (b *builder) note(format string, args ...any) {
	b.config.notes = append(b.config.notes, fmt.Sprintf(format, args...))
}

// build goes from what depends on nothing to what depends on much.
func (b *builder) build() {
	b.needFile()
	b.addParts("", b.config.File, b.file.Callers)
	b.include()
	b.joinCallers()
	b.credentialNames, b.upstreamNames = sortedNames(b.file.Credentials), sortedNames(b.file.Upstreams)
	b.tlsPolicies()
	b.buildUpstreams()
	b.buildCredentials()
	b.buildCallers()
	b.buildGrants()
	b.buildListeners()
	b.config.Metrics = b.file.Metrics
	b.buildMetrics(&b.config.Metrics)
	b.buildReview(b.file.Review)
	b.buildIdentities()
	b.buildFleet(b.file.Fleet)
	b.checkLoops()
	b.planTLS()
	b.buildLimits()
	b.buildSpend()
	b.buildRest()
	b.takeNotes()
}

// absolute makes paths absolute: relative ones are in the folder of the configuration.
func (b *builder) absolute(paths ...*string) {
	for _, path := range paths {
		*path = setting.Resolve(b.dir, *path)
	}
}

// named reports whether a name is among the known ones, which are sorted, and adds a problem otherwise.
func (b *builder) named(path, what, name string, known []string) bool {
	if _, ok := slices.BinarySearch(known, name); ok {
		return true
	}
	if name != "" { // an empty one was reported when it was read
		b.problem(path, b.suggest(name, known), "there is no %s %q", what, b.Shown(name))
	}
	return false
}

// maxSuggested is for how many unknown names the right one is looked for: each is compared with all known ones, and a large file may have thousands
// of both.
const maxSuggested = 50

// suggest returns which of the known names may have been meant.
func (b *builder) suggest(name string, known []string) string {
	if b.suggested++; b.suggested > maxSuggested {
		return ""
	}
	return nearest.Suggest(name, known)
}

// allNamed checks a list of names, each of which may be given once.
func (b *builder) allNamed(path, what string, names, known []string) {
	for i, name := range names {
		at := fmt.Sprintf("%s[%d]", path, i)
		if b.named(at, what, name, known) && slices.Contains(names[:i], name) {
			b.problem(at, "", "%s %q is listed twice", what, name)
		}
	}
}

func (b *builder) buildRest() {
	f := &b.file
	b.buildAudit(f.Audit)
	b.buildAdmin(f.Admin)
	b.httpChallenge(f.HTTPChallenge)
	b.config.Log, b.config.Bounds, b.config.Reload, b.config.Hardening = f.Log, f.Bounds, f.Reload, f.Hardening
	if f.Bounds.Bodies < f.Bounds.Body && !b.Failed("bounds") {
		b.problem("bounds", "", "bodies (%v, all together) is less than body (%v, one): not even one such call could be served",
			f.Bounds.Bodies, f.Bounds.Body)
	}
	if f.Bounds.AllHeaders < f.Bounds.Headers && !b.Failed("bounds") {
		b.problem("bounds", "", "all_headers (%v, all together) is less than headers (%v, one): not even one such call could be served",
			f.Bounds.AllHeaders, f.Bounds.Headers)
	}
}

// listenerHas reports an address of the gateway's own that a listener has too.
func (b *builder) listenerHas(path string, a setting.Address) {
	for i, l := range b.file.Listeners {
		if !b.Failed(listenerPath(i)) && a.Overlaps(l.Address) {
			b.problem(path, "", "this is the address of listener %s too", l.Name)
		}
	}
}

func sortedNames[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

// operationNames are the names of all operations of all upstreams, each once.
func (b *builder) operationNames() []string {
	var names []string
	for _, u := range b.config.Upstreams {
		for _, o := range b.operations[u.Name] {
			names = append(names, o.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
