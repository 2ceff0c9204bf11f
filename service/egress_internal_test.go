package service

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"tollgate/config"
	"tollgate/internal/certs"
	"tollgate/upstream"
)

// TestProxyLoginFollows its file: the next connection has the new one, and a file that is no good leaves the old one.
func TestProxyLoginFollows(t *testing.T) {
	logins := make(chan string, 10)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		logins <- r.Header.Get("Proxy-Authorization")
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	defer proxy.Close()
	g := run(t)
	put := func(login string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(g.dir, "login"), []byte(login+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("gateway:first")
	g.change(t, g.upstream.URL, "https://bss.myhuaweicloud.com", "catalog: cn}", `catalog: cn, proxy: "`+proxy.URL+`", proxy_auth: {file: login}}`)
	wants := func(login string) {
		t.Helper()
		g.want(t, "local", http.StatusBadGateway, "cannot be reached through its proxy")
		if got := (&http.Request{Header: http.Header{"Authorization": {<-logins}}}); !hasLogin(got, login) {
			t.Errorf("the login of the connection is not %s", login)
		}
	}
	wants("gateway:first")
	put("gateway:second-one")
	g.certificates.watch.Poll()
	g.certificates.watch.Poll()
	wants("gateway:second-one")
	for _, bad := range []string{"two words", "nobodys-login"} {
		put(bad)
		g.certificates.watch.Poll()
		g.certificates.watch.Poll()
		wants("gateway:second-one")
		if text := strings.Join(g.readiness().Warnings, "\n"); !strings.Contains(text, "upstream bss: "+filepath.Join(g.dir, "login")+" stays as it was") || strings.Contains(text, bad) {
			t.Errorf("warnings: %s", text)
		}
	}
}

func hasLogin(r *http.Request, login string) bool {
	user, password, ok := r.BasicAuth()
	return ok && user+":"+password == login
}

// TestWayOfAnUpstream: what says how an upstream is reached makes other connections; what concerns its calls alone does not.
func TestWayOfAnUpstream(t *testing.T) {
	g := run(t)
	before := g.upstreams["bss"].transport
	for _, c := range []struct {
		with string
		same bool
	}{
		{"catalog: cn, timeout: 10s}", true}, {"catalog: cn, deprecated: forbid}", true}, {"catalog: cn, addresses: any}", false},
		{"catalog: cn, addresses: 127.0.0.0/8}", false}, {"catalog: cn, max_connection_age: 2m}", false},
	} {
		g.change(t, "catalog: cn}", c.with)
		if after := g.upstreams["bss"].transport; (after == before) != c.same {
			t.Errorf("%s: the same connections: %t", c.with, !c.same)
		}
		g.change(t)
		before = g.upstreams["bss"].transport
	}
}

// TestPrivateNote is logged for the first connection of an upstream of which the file says nothing.
func TestPrivateNote(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	s := &Service{logger: zap.New(core)}
	u := &upstream.Config{Name: "bss"}
	noted := len(s.wayOptions(u, &tlsParts{}))
	for _, said := range []upstream.Config{{Addresses: []upstream.Network{{}}}, {Proxy: upstream.Proxy{Host: "proxy:1"}}} {
		if got := len(s.wayOptions(&said, &tlsParts{})); got != noted-1 {
			t.Errorf("%+v: %d options, of %d where it is noted", said, got, noted)
		}
	}
	s.privateNote(u)(netip.MustParseAddr("10.0.0.1"))
	if logs.FilterField(zap.String("note", "upstream bss is at the private address 10.0.0.1: if that is meant, say so with addresses: [10.0.0.1]")).Len() != 1 {
		t.Errorf("%v", logs.All())
	}
}

// TestListenerSocket has the mode that is configured, while the admin socket keeps its own.
func TestListenerSocket(t *testing.T) {
	dir := t.TempDir()
	text := strings.NewReplacer(`"127.0.0.1:0", caller: app}`, `"unix:local.sock", socket: {mode: "0660"}, caller: app}`, "%q", "http://127.0.0.1:1",
		"audit: {dir: audit}", "audit: {dir: audit}\nadmin: {address: unix:admin.sock}").Replace(configuration)
	c, err := config.Parse("tollgate.yaml", []byte(text), dir, config.Options{LookupEnv: keyOf})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Start(t.Context(), c, Process{Logger: zap.NewNop(), LookupEnv: keyOf})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{"local.sock": 0o660, "admin.sock": 0o600} {
		if info, err := os.Lstat(filepath.Join(dir, name)); err != nil || info.Mode() != os.ModeSocket|want {
			t.Errorf("%s: %v, %v; want %v", name, info, err, want)
		}
	}
	if err := s.Drain(); err != nil {
		t.Error(err)
	}
}

// TestSocketAccessFollows a reload on the same socket, and one that is refused changes nothing.
func TestSocketAccessFollows(t *testing.T) {
	g := run(t)
	mode := func() os.FileMode {
		t.Helper()
		info, err := os.Lstat(filepath.Join(g.dir, "s.sock"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	with := func(socket string) []string {
		return []string{`{name: second, address: "127.0.0.1:0", caller: other}`, `{name: second, address: "unix:s.sock", ` + socket + `caller: other}`}
	}
	for _, c := range []struct {
		socket string
		want   os.FileMode
	}{{"", 0o600}, {`socket: {mode: "0660"}, `, 0o660}, {`socket: {mode: "0666"}, `, 0o666}, {"", 0o600}, {`socket: {mode: "0660"}, `, 0o660}} {
		if g.change(t, with(c.socket)...); mode() != c.want {
			t.Errorf("%s: mode %v, want %v", c.socket, mode(), c.want)
		}
	}
	refused := g.load(t, append(with(`socket: {mode: "0666"}, `), "catalog: cn}", "catalog: cn}")...)
	refused.Listeners = append(refused.Listeners, &config.Listener{Name: "third", Address: refused.Listeners[0].Address})
	refused.Listeners[2].TLS = &certs.ListenerTLS{Policy: "missing"}
	if _, err := g.open(t.Context(), refused, false); err == nil || mode() != 0o660 {
		t.Errorf("a configuration that cannot be opened: %v, mode %v", err, mode())
	}
}
