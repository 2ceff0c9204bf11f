package config

import (
	"crypto/fips140"
	"fmt"
	"slices"
	"strings"
	"time"

	"tollgate/caller"
	"tollgate/catalog"
	"tollgate/internal/private"
	"tollgate/upstream"
)

// takeNotes looks for what is allowed, but probably not meant.
func (b *builder) takeNotes() {
	for _, c := range b.config.Callers {
		b.noteCaller(c.Name)
	}
	for _, u := range b.config.Upstreams {
		if !slices.ContainsFunc(b.config.Listeners, func(l *Listener) bool { return slices.Contains(l.Upstreams, u.Name) }) {
			b.note("upstream %s is served by no listener", u.Name)
		}
	}
	granted := map[string]bool{}
	for _, g := range b.config.Grants {
		granted[g.Credential] = true
	}
	for _, c := range b.config.Credentials {
		if !granted[c.Name] {
			b.note("credential %s is in no grant", c.Name)
		}
	}
	b.noteAccounts()
	b.noteWithout()
	b.noteReview()
	for _, u := range b.config.Upstreams {
		if u.Timeout > b.config.Bounds.Drain {
			b.note("upstream %s may take %s, but bounds.drain is %s: a stop can cut a call off, and leave its outcome unknown",
				u.Name, u.Timeout, b.config.Bounds.Drain)
		}
	}
	for _, u := range b.config.Upstreams {
		b.noteSunsets(u)
		b.noteActs(u)
		b.noteSite(u)
		b.noteAddress(u)
	}
	for _, l := range b.config.Secured() {
		b.noteCertificates(l)
		if l.Socket != nil && l.Socket.Mode&0o006 != 0 {
			b.note("listener %s: every user of this machine may connect to its socket (mode %v)", l.Name, l.Socket.Mode)
		}
	}
	if b.options.Secrets {
		b.notePrivate()
		b.noteAuditFolders()
		b.noteProxy()
	}
	b.noteHardening()
	if b.file.Admin == nil {
		b.note("there is no admin section: no health, no metrics, and no command reaches the running gateway")
	}
	if fips140.Enabled() {
		b.note("FIPS 140-3 mode: of what the policies allow, the ChaCha20 suites and the group X25519 alone are not used; " +
			"`tollgate tls policy` shows the suites that remain")
	}
}

// sites are the hosts of the provider's sites, by the catalog that is theirs.
var sites = map[string]string{"bss.myhuaweicloud.com": "cn", "bss-intl.myhuaweicloud.com": "intl", "bss.myhuaweicloud.eu": "intl"}

// noteSite notes an upstream at one of the provider's sites with the catalog of another.
func (b *builder) noteSite(u *upstream.Config) {
	if site := sites[u.URL.URL().Hostname()]; u.Catalog != "" && site != "" && site != u.Catalog {
		b.note("upstream %s has the catalog %s, but %s is the site of the catalog %s: paths, classes and amounts would be read by the wrong one",
			u.Name, u.Catalog, u.URL.URL().Hostname(), site)
	}
}

// noteSunsets notes what callers may call although the provider has announced its end.
func (b *builder) noteSunsets(u *upstream.Config) {
	if u.ForbidsDeprecated() || b.table == nil {
		return
	}
	ends := map[string]int{}
	for _, o := range b.operations[u.Name] {
		if !o.Sunset.IsZero() && b.table.Covers(u.Name, o.Name) {
			ends[o.Sunset.Format(time.DateOnly)]++
		}
	}
	var days []string
	for _, day := range sortedNames(ends) {
		days = append(days, fmt.Sprintf("%d by %s", ends[day], day))
	}
	if len(days) > 0 {
		b.note("upstream %s: callers are granted operations that the provider announced to end (%s) and that may stop working any day; "+
			"`tollgate catalog deprecated` lists them, `deprecated: forbid` refuses them", u.Name, strings.Join(days, ", "))
	}
}

// noteActs notes endpoints that spend and do not say what a call of them does.
func (b *builder) noteActs(u *upstream.Config) {
	for _, d := range u.Endpoints {
		if d.Effect == catalog.Spend && d.Act == nil {
			b.note("upstream %s: endpoint %s spends, and nothing keeps a call of it from being made twice: give it an act", u.Name, d.Name)
		}
	}
}

// noteAccounts notes which credentials can be used for another account than the caller meant.
func (b *builder) noteAccounts() {
	var unknown []string
	for _, c := range b.config.Credentials {
		if c.DomainID == "" {
			unknown = append(unknown, c.Name)
		}
	}
	if len(unknown) > 0 {
		b.note("no domain_id is given for credentials %s: an X-Domain-Id that a caller sends is compared with nothing, dropped, and recorded",
			strings.Join(unknown, ", "))
	}
}

// keepPrivate adds a file to those that only the gateway should be able to use.
func (b *builder) keepPrivate(key, path string) {
	if path != "" && !b.private[path] {
		b.private[path] = true
		b.config.PrivateFiles = append(b.config.PrivateFiles, PrivateFile{path, key})
	}
}

// notePrivate notes which of them others may use. Who others are hangs on the user and the groups of this process.
func (b *builder) notePrivate() {
	for _, f := range b.config.PrivateFiles {
		if text := f.Exposure(); text != "" {
			b.note("%s", text)
		}
	}
}

// Exposure describes who beside its owner and the gateway may use the file now; "" if no one may.
func (f PrivateFile) Exposure() string {
	text := private.Exposure(f.Path)
	if text == "" || f.Key == "" {
		return text
	}
	return f.Key + ": " + text
}

func (b *builder) noteCaller(name string) {
	c := b.file.Callers[name]
	fixed := slices.ContainsFunc(b.file.Listeners, func(l Listener) bool { return l.Caller == name })
	_, ways := b.ways(name)
	if len(ways) == 0 && !fixed {
		b.note("caller %s cannot be identified: it has no auth, and no listener has it as its caller", name)
	}
	if len(c.Grants) == 0 {
		b.note("caller %s has no grants: whatever it calls is refused", name)
	}
	byCertificate := slices.ContainsFunc(ways, func(a caller.Auth) bool { return a.Certificate != nil })
	asked := slices.ContainsFunc(b.config.Listeners, func(l *Listener) bool { return l.TLS != nil && l.TLS.ClientCA != "" })
	if byCertificate && !asked {
		b.note("caller %s is known by a certificate, but no listener asks for one (tls.client_ca)", name)
	}
}
