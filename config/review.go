package config

import (
	"fmt"
	"slices"
	"strings"

	"tollgate/internal/certs"
	"tollgate/internal/setting"
	"tollgate/review/session"
)

// ReviewListener is the name of the listener of review pages in logs, metrics and records.
const ReviewListener = "review"

// What people show to sign in on review pages.
const (
	SignInCertificate = "certificate"
	SignInToken       = "token"
)

// Review is `review`: pages on which people look at what the log says.
type Review struct {
	// Where to listen, as for listeners, without unix sockets.
	Address setting.Address `yaml:"address" need:"yes" reload:"restart"`
	// `Host` names that are accepted, without port, as of a listener. Needed unless the address is a loopback one, which accepts `localhost`,
	// `127.0.0.1` and `::1` besides.
	Hosts []setting.Host `yaml:"hosts" reload:"restart"`
	// TLS, as of a listener. Needed unless the address is a loopback one.
	TLS *certs.ListenerTLS `yaml:"tls" reload:"restart"`
	// What people show: `certificate`, a client certificate of the `client_ca` of `tls`, or `token`, a token that they type in. The people are those
	// of `identities`.
	SignIn string `yaml:"sign_in" need:"yes" choice:"certificate|token" reload:"restart"`
}

// listener returns the listener of the pages as far as it is one like others.
func (r *Review) listener() *Listener {
	return &Listener{Name: ReviewListener, Address: r.Address, Hosts: r.Hosts, TLS: r.TLS}
}

// buildReview completes the section `review`.
func (b *builder) buildReview(r *Review) {
	const path = "review"
	if r == nil || b.Failed(path) {
		return
	}
	if r.Address.Socket != "" {
		b.problem(path+".address", "use 127.0.0.1 and a port", "a browser reaches no unix socket")
		return
	}
	switch {
	case r.TLS != nil:
		b.policy(path+".tls.policy", r.TLS.Policy)
		b.certificates(path+".tls", r.TLS)
		b.clients(path+".tls", r.listener())
	case !r.Address.Local():
		b.problem(path+".address", "add tls: {certificate: …}, or use 127.0.0.1", "beyond loopback, review pages are served over TLS only")
	}
	if certificates := r.TLS != nil && r.TLS.ClientCA != ""; r.SignIn == SignInCertificate && !certificates && !b.Failed(path+".tls") {
		b.problem(path+".sign_in", "add client_ca to tls, or set sign_in: token", "sign_in: certificate needs a client_ca to check certificates with")
	}
	named := r.listener()
	b.acceptedHosts(path, named, nil)
	r.Hosts = named.Hosts
	b.reviewPlace(path, r)
	b.config.Review = r
}

// reviewPlace reports what else has the address or the name.
func (b *builder) reviewPlace(path string, r *Review) {
	b.listenerHas(path+".address", r.Address)
	if b.file.Admin != nil && !b.Failed("admin") && r.Address.Overlaps(b.file.Admin.Address) {
		b.problem(path+".address", "", "this is the admin address too")
	}
	if m := b.config.Metrics; m.Listens() && r.Address.Overlaps(m.Address) {
		b.problem(path+".address", "", "this is the address of the metrics listener too")
	}
	for i, l := range b.file.Listeners {
		if l.Name == ReviewListener {
			b.problem(listenerPath(i)+".name", "choose another name", "the listener of the section review has this name")
		}
	}
}

// buildIdentities takes the people who may sign in. A proof is of one person, and never of a caller: applications cannot sign in.
func (b *builder) buildIdentities() {
	taken := b.callerProofs()
	for _, name := range sortedNames(b.file.Identities) {
		one, path := b.file.Identities[name], "identities."+name
		one.Name = name
		for i := range one.Proofs {
			b.checkProof(fmt.Sprintf("%s.proofs[%d]", path, i), &one.Proofs[i], taken)
		}
		b.config.Identities = append(b.config.Identities, one)
	}
}

// callerProofs returns where callers have certificate names, by what would be the id of a proof.
func (b *builder) callerProofs() map[string]string {
	taken := map[string]string{}
	for _, c := range b.config.Callers {
		for _, a := range c.Auth {
			if a.Certificate != nil {
				taken[(&session.Proof{Certificate: a.Certificate}).ID()] = "caller " + c.Name
			}
		}
	}
	return taken
}

func (b *builder) checkProof(path string, p *session.Proof, taken map[string]string) {
	if b.Failed(path) {
		return
	}
	if p.Certificate != nil {
		if err := p.Certificate.Check(); err != nil {
			b.problem(path, "", "%v", err)
			return
		}
	}
	switch other, twice := taken[p.ID()]; {
	case strings.HasPrefix(other, "caller "):
		b.problem(path, "give the person a certificate of their own", "this is a certificate name of %s: applications cannot sign in", other)
	case twice:
		b.problem(path, "", "this proof is there already: %s", other)
	default:
		taken[p.ID()] = path
	}
}

// noteReview notes people who cannot sign in.
func (b *builder) noteReview() {
	r := b.config.Review
	if r == nil {
		if len(b.config.Identities) > 0 {
			b.note("there are identities, but no section review: nothing asks people to sign in")
		}
		return
	}
	able := 0
	for _, one := range b.config.Identities {
		if slices.ContainsFunc(one.Proofs, func(p session.Proof) bool { return (p.Certificate != nil) == (r.SignIn == SignInCertificate) }) {
			able++
			continue
		}
		b.note("identity %s has no %s and cannot sign in: review.sign_in is %s", one.Name, r.SignIn, r.SignIn)
	}
	if able == 0 {
		b.note("no one can sign in to review pages: there is no identity with a %s", r.SignIn)
	}
	if !b.config.Audit.Index.Enabled {
		b.note("review pages are slow without an index of the log: each reads the log from its beginning (audit.index.enabled)")
	}
}

// describeReview describes where people look at pages, and by what they sign in.
func describeReview(r *Review) string {
	how := "plain HTTP on this machine"
	if r.TLS != nil {
		how = "TLS policy " + r.TLS.Policy
	}
	return fmt.Sprintf("%s, %s; people sign in by %s", r.Address.Listen(), how, r.SignIn)
}

// describeIdentity describes what a person may do, and by what the person signs in.
func describeIdentity(i *session.Identity) string {
	roles, proofs := make([]string, len(i.Roles)), make([]string, len(i.Proofs))
	for n, role := range i.Roles {
		roles[n] = string(role)
	}
	for n, p := range i.Proofs {
		proofs[n] = p.Short()
	}
	return fmt.Sprintf("%s: %s; %s", i.Name, strings.Join(roles, ", "), strings.Join(proofs, ", "))
}
