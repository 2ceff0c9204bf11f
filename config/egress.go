package config

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"tollgate/upstream"
)

// checkWay checks where connections to an upstream may lead, and its proxy. Names are looked up when calls are made; addresses that stand in
// the file are known now.
func (b *builder) checkWay(path string, u *upstream.Config) {
	if u.Addresses != nil && len(u.Addresses) == 0 {
		b.problem(path+".addresses", `write "any" if all addresses are meant`, "addresses is empty: no call could be made")
	}
	if u.URL.Socket != "" && u.Addresses != nil {
		b.problem(path+".addresses", "", "a unix socket has no address")
	}
	b.checkIP(path+".url", u.URL.HostPort(), u)
	b.checkProxy(path, u)
}

// checkIP reports a host with a port that is an address to which no call could be made.
func (b *builder) checkIP(path, hostPort string, u *upstream.Config) {
	ip, is := literalIP(hostPort)
	if !is || u.URL.Socket != "" || b.Failed(path) {
		return
	}
	if err := upstream.CheckAddress(ip, u.Addresses); err != nil {
		b.problem(path, "", "%v", err)
	}
}

// literalIP returns the address of a host with a port; is: it is no name.
func literalIP(hostPort string) (ip netip.Addr, is bool) {
	host, _, err := net.SplitHostPort(hostPort)
	if err == nil {
		ip, err = netip.ParseAddr(host)
	}
	return ip, err == nil
}

func (b *builder) checkProxy(path string, u *upstream.Config) {
	if u.Proxy.Host == "" {
		if u.ProxyAuth != nil && !b.Failed(path+".proxy") {
			b.problem(path+".proxy_auth", "add proxy, or remove proxy_auth", "there is no proxy to log in to")
		}
		return
	}
	if u.URL.Scheme == "http" {
		b.problem(path+".proxy", "remove proxy", "a proxy is for https upstreams: this one is on this machine")
	}
	b.checkIP(path+".proxy", u.Proxy.Host, u)
	if u.ProxyAuth == nil {
		return
	}
	login, ok := b.secret(path+".proxy_auth", *u.ProxyAuth)
	if err := upstream.CheckLogin(login); ok && b.options.Secrets && err != nil {
		b.Add(b.Key(path+".proxy_auth"), path+".proxy_auth", "", "proxy_auth: %v", err)
	}
}

// noteAddress notes an upstream at a private address, unless the file says where its addresses may be: a name that is mistaken for
// another, or answered by another server, leads to such addresses, too.
func (b *builder) noteAddress(u *upstream.Config) {
	if ip, is := literalIP(u.URL.HostPort()); is && upstream.IsPrivate(ip) && u.Addresses == nil && u.URL.Socket == "" {
		b.note("%s", PrivateNote(u, ip))
	}
}

// PrivateNote is the note that an upstream is at a private address.
func PrivateNote(u *upstream.Config, ip netip.Addr) string {
	return fmt.Sprintf("upstream %s is at the private address %s: if that is meant, say so with addresses: [%s]", u.Name, ip, ip)
}

// noteProxy notes proxies that the environment names for all programs, and that this one does not use.
func (b *builder) noteProxy() {
	lookup := b.options.LookupEnv
	if lookup == nil {
		lookup = os.LookupEnv
	}
	var direct []string
	for _, u := range b.config.Upstreams {
		if u.URL.Scheme == "https" && u.Proxy.Host == "" && !u.URL.Local() {
			direct = append(direct, u.Name)
		}
	}
	for _, name := range [...]string{"HTTPS_PROXY", "https_proxy"} {
		if value, set := lookup(name); set && value != "" && len(direct) > 0 {
			b.note("%s is set and not used: upstreams %s are connected to directly; proxy names a proxy for an upstream", name, strings.Join(direct, ", "))
			return
		}
	}
}
