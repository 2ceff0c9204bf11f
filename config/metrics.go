package config

import (
	"slices"

	"tollgate/internal/certs"
	"tollgate/internal/setting"
)

// MetricsListener is the name of the metrics listener in logs and metrics.
const MetricsListener = "metrics"

// MinToken is how many characters a bearer token has at least: it is all that stands between a network and a guess.
const MinToken = 16

// Metrics is `metrics`: a listener that serves `/metrics` and `/readyz` beyond the machine, and what metrics name.
type Metrics struct {
	// Where to listen, as for listeners, without unix sockets. Without it there is no such listener.
	Address setting.Address `yaml:"address" reload:"restart"`
	// TLS, as of a listener. Needed unless the address is a loopback one.
	TLS *certs.ListenerTLS `yaml:"tls" reload:"restart"`
	// The token that scrapers send (`Authorization: Bearer …`), of at least 16 characters. One in a file is read at each request, so it may change.
	// Beyond loopback there has to be a token, or a `client_ca` in `tls`; where there are both, either is enough.
	BearerToken setting.Reference `yaml:"bearer_token" reload:"restart"`
	// How many callers have their names as the label `caller` of metrics, wherever these are served; the others are together `(other)`. With more
	// callers than that, those that have had a label keep it over reloads, and what is free goes by name.
	Callers int `yaml:"callers" range:"0..10000"`
}

// Default returns the defaults of the section.
func (Metrics) Default() Metrics { return Metrics{Callers: 200} }

// Listens reports whether there is a listener.
func (m *Metrics) Listens() bool { return m.Address != setting.Address{} }

// listener returns the metrics listener as far as it is one like others.
func (m *Metrics) listener() *Listener {
	return &Listener{Name: MetricsListener, Address: m.Address, TLS: m.TLS}
}

// HasToken reports whether scrapers may show a token.
func (m *Metrics) HasToken() bool { return m.BearerToken != setting.Reference{} }

// Secured are the listeners that may have TLS: those of callers, that of metrics and that of review pages.
func (c *Config) Secured() []*Listener {
	all := slices.Clip(c.Listeners)
	if c.Metrics.Listens() {
		all = append(all, c.Metrics.listener())
	}
	if c.Review != nil {
		all = append(all, c.Review.listener())
	}
	return all
}

// buildMetrics completes the section `metrics`.
func (b *builder) buildMetrics(m *Metrics) {
	const path = "metrics"
	if b.Failed(path) {
		return
	}
	if m.Address.Socket != "" {
		b.problem(path+".address", "the admin socket serves metrics: remove the section", "the metrics listener is for other machines, which reach no unix socket")
		return
	}
	if !m.Listens() {
		if m.TLS != nil || m.HasToken() {
			b.problem(path, "add address: HOST:PORT", "tls and bearer_token are of a listener, which needs an address")
		}
		return
	}
	b.metricsProtection(path, m)
	if m.HasToken() {
		if token, ok := b.secret(path+".bearer_token", m.BearerToken); ok && len(token.Reveal()) < MinToken {
			b.problem(path+".bearer_token", "openssl rand -hex 32", "the token has fewer than %d characters", MinToken)
		}
	}
	if m.TLS != nil {
		l := m.listener()
		b.policy(path+".tls.policy", m.TLS.Policy)
		b.certificates(path+".tls", m.TLS)
		b.clients(path+".tls", l)
	}
	b.metricsPlace(path, m)
}

// metricsProtection checks that beyond loopback metrics are served over TLS only, and to authenticated peers.
func (b *builder) metricsProtection(path string, m *Metrics) {
	certificates := m.TLS != nil && m.TLS.ClientCA != ""
	switch {
	case m.Address.Local():
	case m.TLS == nil && !b.Failed(path+".tls"):
		b.problem(path+".address", "add tls: {certificate: …}, or use 127.0.0.1", "beyond loopback, metrics are served over TLS only")
	case !certificates && !m.HasToken():
		b.problem(path, "add bearer_token: {file: PATH}, or client_ca to tls", "beyond loopback, scrapers have to show a bearer token or a client certificate")
	}
	if certificates && !m.HasToken() && m.TLS.ClientCertificate == "" {
		m.TLS.ClientCertificate = "required" // there is nothing else to show
	}
}

// metricsPlace reports what else has the address or the name.
func (b *builder) metricsPlace(path string, m *Metrics) {
	b.listenerHas(path+".address", m.Address)
	if b.file.Admin != nil && !b.Failed("admin") && m.Address.Overlaps(b.file.Admin.Address) {
		b.problem(path+".address", "", "this is the admin address too")
	}
	for i, l := range b.file.Listeners {
		if l.Name == MetricsListener {
			b.problem(listenerPath(i)+".name", "choose another name", "the listener of the section metrics has this name")
		}
	}
}

// describeMetrics describes who may read metrics where.
func describeMetrics(m *Metrics) string {
	text := m.Address.Listen() + ", "
	if m.TLS == nil {
		text += "plain HTTP on this machine"
	} else {
		text += "TLS policy " + m.TLS.Policy
	}
	switch certificates := m.TLS != nil && m.TLS.ClientCA != ""; {
	case certificates && m.HasToken():
		return text + "; client certificate or bearer token"
	case certificates:
		return text + "; client certificate"
	case m.HasToken():
		return text + "; bearer token"
	}
	return text
}
