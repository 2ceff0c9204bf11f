package config

import (
	"cmp"
	"errors"
	"fmt"

	"tollgate/catalog"
	"tollgate/internal/certs"
	"tollgate/internal/setting"
	"tollgate/signing"
	"tollgate/upstream"
)

// buildUpstreams takes the upstreams, in the order of their names.
func (b *builder) buildUpstreams() {
	for _, name := range b.upstreamNames {
		u, path := b.file.Upstreams[name], "upstreams."+name
		u.Name = name
		b.absolute(&u.URL.Socket)
		b.checkUpstream(path, &u)
		b.every = append(b.every, &u)
		if b.Failed(path) {
			continue
		}
		b.upstreams[name] = &u
		b.config.Upstreams = append(b.config.Upstreams, &u)
	}
}

// upstreamsSigned lists the signed or the unsigned upstreams of the file, those that failed included.
func (b *builder) upstreamsSigned(signed bool) []string {
	var names []string
	for _, name := range b.upstreamNames {
		if u := b.file.Upstreams[name]; u.Signed() == signed {
			names = append(names, name)
		}
	}
	return names
}

func (b *builder) checkUpstream(path string, u *upstream.Config) {
	b.checkSigning(path, u)
	b.upstreamTLS(path, u)
	b.checkWay(path, u)
	b.operations[u.Name] = catalog.Operations(u.Catalog)
	for i := range u.Endpoints {
		b.addEndpoint(fmt.Sprintf("%s.endpoints[%d]", path, i), u, &u.Endpoints[i])
	}
	if len(b.operations[u.Name]) == 0 && !b.Failed(path) {
		b.problem(path, "give a catalog, or declare endpoints", "upstream %s has no operations", u.Name)
	}
}

// checkSigning holds unsigned upstreams to this machine: without a signature, being local is what protects them.
func (b *builder) checkSigning(path string, u *upstream.Config) {
	if u.Signed() || b.Failed(path+".catalog") || b.Failed(path+".sign") {
		return
	}
	if u.Catalog != "" {
		b.problem(path+".sign", "remove sign, or the catalog", "an upstream with a catalog is signed")
		return
	}
	if u.URL.Scheme != "" && !u.URL.Local() { // otherwise reported when it was read
		b.problem(path+".url", "give it a catalog or sign: true, or use a loopback address or unix:/path.sock",
			"an upstream that is not signed must be on this machine")
	}
}

func (b *builder) upstreamTLS(path string, u *upstream.Config) {
	switch {
	case u.URL.Scheme == "": // reported when it was read
		return
	case u.URL.Scheme != "https" && u.TLS != nil:
		b.problem(path+".tls", "use an https:// url, or remove tls", "the url is plain http, so there is no TLS")
		return
	case u.URL.Scheme != "https":
		return
	case u.TLS == nil:
		u.TLS = new(certs.UpstreamTLS{}.Default())
	}
	t := u.TLS
	b.policy(path+".tls.policy", t.Policy)
	b.absolute(&t.CA)
	t.ServerName = cmp.Or(t.ServerName, setting.Host(u.URL.URL().Hostname()))
	b.checkBundle(path+".tls.ca", "upstream "+u.Name, t.CA)
	b.checkPins(path+".tls.pins", t.Pins)
	if files := t.ClientCertificate; files != nil {
		b.absolute(&files.Cert, &files.Key)
		b.keepPrivate(path+".tls.client_certificate.key", files.Key)
		b.noteChain("upstream "+u.Name, b.checkPair(path+".tls.client_certificate", files))
	}
}

func (b *builder) addEndpoint(path string, u *upstream.Config, declared *catalog.Declaration) {
	b.checkEndpointKeys(path, u, declared)
	if b.Failed(path) {
		return
	}
	o, err := catalog.Declare(*declared)
	if err = errors.Join(err, checkSigned(signing.Known(), declared)); err != nil {
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
		if other.Site == "" && !o.SameAct(other) {
			b.problem(path+".act.keys", "", "endpoint %s has the act %s too, with other keys, so neither would hold the other back: name what they are "+
				"about in the same way, or give this act another name", other.Name, o.Act.Name)
			return
		}
	}
	operations := append(have[:len(have):len(have)], o)
	if _, err := catalog.NewRouter(operations); err != nil {
		b.problem(path, "", "%v", firstLeaf(err))
		return
	}
	b.operations[u.Name] = operations
}

// checkSigned refuses headers of signatures among those that an endpoint passes on: a caller's value must not stand in the gateway's
// own signature, and no proof or token may come back with an answer.
func checkSigned(schemes *signing.Schemes, d *catalog.Declaration) error {
	var problems []error
	for _, name := range d.ForwardHeaders {
		if use, owned := schemes.Owns(name); owned {
			problems = append(problems, fmt.Errorf("header %q cannot be passed on: %s", name, use))
		}
	}
	for _, name := range d.AnswerHeaders {
		if use, owned := schemes.Owns(name); owned && (use == signing.Proof || use == signing.Token) {
			problems = append(problems, fmt.Errorf("header %q of answers cannot be passed on: %s", name, use))
		}
	}
	return errors.Join(problems...)
}

// checkEndpointKeys reports a signed upstream's endpoint without a class, and an unsigned upstream's endpoint with a key that means
// nothing there: the class, and the lists of what is passed on.
func (b *builder) checkEndpointKeys(path string, u *upstream.Config, d *catalog.Declaration) {
	switch {
	case u.Signed() && d.Class == catalog.ClassNone && !b.Failed(path+".class"):
		b.problem(path, "partner, customer or either", "class is missing in %s: upstream %s is signed", path, u.Name)
	case !u.Signed() && d.Class != catalog.ClassNone:
		b.problem(path+".class", "", "upstream %s is not signed: its endpoints have no credential class", u.Name)
	case !u.Signed() && len(d.ForwardHeaders) > 0:
		b.problem(path+".headers", "", "upstream %s is not signed: all headers are passed on to it anyway", u.Name)
	case !u.Signed() && len(d.AnswerHeaders) > 0:
		b.problem(path+".answer_headers", "", "upstream %s is not signed: all headers of its answers are passed on anyway", u.Name)
	case !u.Signed() && len(d.ContentTypes) > 0:
		b.problem(path+".content_types", "", "upstream %s is not signed: bodies of any type are passed on to it anyway", u.Name)
	}
}

func firstLeaf(err error) error { return leaves(err)[0] }
