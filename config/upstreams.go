package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tollgate/catalog"
	"tollgate/internal/certs"
	"tollgate/internal/setting"
	"tollgate/signing"
)

// buildUpstreams makes the upstreams, in the order of their names.
func (b *builder) buildUpstreams() {
	for _, name := range sortedNames(b.file.Upstreams) {
		written, path := b.file.Upstreams[name], "upstreams."+name
		u := b.buildUpstream(path, name, &written)
		b.every = append(b.every, u)
		if b.Failed(path) {
			continue
		}
		b.upstreams[name] = u
		b.config.Upstreams = append(b.config.Upstreams, u)
	}
}

// signs tells whether an upstream's calls are signed: as it says, else if it has a catalog.
func (s *upstreamConfig) signs() bool {
	if s.Sign != nil {
		return *s.Sign
	}
	return s.Catalog != ""
}

// upstreamNames lists the signed or the unsigned upstreams of the file, those that failed included.
func (b *builder) upstreamNames(signed bool) []string {
	var names []string
	for _, name := range sortedNames(b.file.Upstreams) {
		if s := b.file.Upstreams[name]; s.signs() == signed {
			names = append(names, name)
		}
	}
	return names
}

func (b *builder) buildUpstream(path, name string, s *upstreamConfig) *Upstream {
	u := &Upstream{
		Name: name, Signed: s.signs(), Site: s.Catalog, Hosts: hostNames(s.Hosts),
		Timeout: time.Duration(s.Timeout), ConnectTimeout: time.Duration(s.ConnectTimeout),
		MaxConns: s.MaxConnections, ForbidDeprecated: s.Deprecated == "forbid",
	}
	if s.URL.URL != nil { // otherwise reported when it was read
		u.Scheme, u.Host, u.Socket = s.URL.URL.Scheme, s.URL.URL.Host, setting.Resolve(b.dir, s.URL.Socket)
	}
	b.checkSigning(path, s)
	b.upstreamTLS(path, u, s.TLS)
	if u.isEuropean() {
		u.Currency = noCurrency
	}
	b.operations[name] = catalog.Operations(s.Catalog)
	for i := range s.Endpoints {
		b.addEndpoint(fmt.Sprintf("%s.endpoints[%d]", path, i), u, &s.Endpoints[i])
	}
	if len(b.operations[name]) == 0 && !b.Failed(path) {
		b.problem(path, "give a catalog, or declare endpoints", "upstream %s has no operations", name)
	}
	return u
}

// noCurrency is the code of ISO 4217 for amounts without a currency.
const noCurrency = "XXX"

// isEuropean reports whether the upstream is the provider's European site. It speaks the catalog of the international one, but no
// page says what its amounts are in.
func (u *Upstream) isEuropean() bool {
	names := []string{u.URL().Hostname()}
	if u.TLS != nil {
		names = append(names, string(u.TLS.ServerName))
	}
	return slices.ContainsFunc(names, func(name string) bool {
		return strings.HasSuffix("."+strings.ToLower(strings.TrimSuffix(name, ".")), ".myhuaweicloud.eu")
	})
}

// checkSigning holds unsigned upstreams to this machine: without a signature, being local is what protects them.
func (b *builder) checkSigning(path string, s *upstreamConfig) {
	if s.signs() || b.Failed(path+".catalog") || b.Failed(path+".sign") {
		return
	}
	if s.Catalog != "" {
		b.problem(path+".sign", "remove sign, or the catalog", "an upstream with a catalog is signed")
		return
	}
	if s.URL.URL != nil && !s.URL.Local() {
		b.problem(path+".url", "give it a catalog or sign: true, or use a loopback address or unix:/path.sock",
			"an upstream that is not signed must be on this machine")
	}
}

func (b *builder) upstreamTLS(path string, u *Upstream, t *certs.UpstreamTLS) {
	switch {
	case u.Scheme == "": // reported when it was read
		return
	case u.Scheme != "https" && t != nil:
		b.problem(path+".tls", "use an https:// url, or remove tls", "the url is plain http, so there is no TLS")
		return
	case u.Scheme != "https":
		return
	case t == nil:
		t = new(certs.UpstreamTLS{}.Default())
	}
	u.TLS = t
	b.policy(path+".tls.policy", t.Policy)
	b.absolute(&t.CA)
	t.ServerName = cmp.Or(t.ServerName, setting.Host(u.URL().Hostname()))
	b.checkBundle(path+".tls.ca", "upstream "+u.Name, t.CA)
	b.checkPins(path+".tls.pins", t.Pins)
	if files := t.ClientCertificate; files != nil {
		b.absolute(&files.Cert, &files.Key)
		b.private(path+".tls.client_certificate.key", files.Key)
		b.noteChain("upstream "+u.Name, b.checkPair(path+".tls.client_certificate", files))
	}
}

func (b *builder) addEndpoint(path string, u *Upstream, s *endpointConfig) {
	class := b.endpointClass(path, u, s)
	effect, err := catalog.ParseEffect(s.Effect)
	if err != nil || b.Failed(path) {
		return
	}
	declared := catalog.Declaration{
		Name: s.Name, Method: s.Method, Path: s.Path, Effect: effect, Class: class,
		Deprecated: s.Deprecated, ReplacedBy: s.ReplacedBy, ForwardHeaders: s.Headers, AnswerHeaders: s.AnswerHeaders,
		ContentTypes: s.ContentTypes, Sensitive: s.Sensitive, RecordQuery: s.RecordQuery,
	}
	o, err := catalog.Declare(declared)
	if err = errors.Join(err, checkSigned(signing.Known(), s)); err != nil {
		for _, cause := range leaves(err) {
			b.problem(path, "", "%v", cause)
		}
		return
	}
	have := b.operations[u.Name]
	for _, other := range have {
		if other.Name == o.Name {
			b.problem(path+".name", "", "upstream %s has an operation %s already", u.Name, o.Name)
			return
		}
	}
	operations := append(have[:len(have):len(have)], o)
	if _, err := catalog.NewRouter(operations); err != nil {
		b.problem(path, "", "%v", firstLeaf(err))
		return
	}
	b.operations[u.Name] = operations
	u.Endpoints = append(u.Endpoints, declared)
}

// checkSigned refuses the headers of signatures: what a caller says there must not stand in the gateway's own, and what authenticates
// must not come with an answer.
func checkSigned(schemes *signing.Schemes, s *endpointConfig) error {
	var problems []error
	for _, name := range s.Headers {
		if use, owned := schemes.Owns(name); owned {
			problems = append(problems, fmt.Errorf("header %q cannot be passed on: %s", name, use))
		}
	}
	for _, name := range s.AnswerHeaders {
		if use, owned := schemes.Owns(name); owned && (use == signing.Proof || use == signing.Token) {
			problems = append(problems, fmt.Errorf("header %q of answers cannot be passed on: %s", name, use))
		}
	}
	return errors.Join(problems...)
}

// endpointClass reads the class, which signed upstreams need and others have no use for.
func (b *builder) endpointClass(path string, u *Upstream, s *endpointConfig) catalog.Class {
	switch {
	case u.Signed && s.Class == "" && !b.Failed(path+".class"):
		b.problem(path, "partner, customer or either", "class is missing in %s: upstream %s is signed", path, u.Name)
	case !u.Signed && s.Class != "":
		b.problem(path+".class", "", "upstream %s is not signed: its endpoints have no credential class", u.Name)
	case !u.Signed && len(s.Headers) > 0:
		b.problem(path+".headers", "", "upstream %s is not signed: all headers are passed on to it anyway", u.Name)
	case !u.Signed && len(s.AnswerHeaders) > 0:
		b.problem(path+".answer_headers", "", "upstream %s is not signed: all headers of its answers are passed on anyway", u.Name)
	case !u.Signed && len(s.ContentTypes) > 0:
		b.problem(path+".content_types", "", "upstream %s is not signed: bodies of any type are passed on to it anyway", u.Name)
	case u.Signed:
		class, _ := catalog.ParseClass(s.Class) // one of the choices, or reported when it was read
		return class
	}
	return catalog.ClassNone
}

func firstLeaf(err error) error { return leaves(err)[0] }

func hostNames(hosts []setting.Host) []string {
	var names []string
	for _, h := range hosts {
		if h != "" {
			names = append(names, string(h))
		}
	}
	return names
}
