package e2e

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
)

// reviewed is a gateway with review pages, for people with certificates of an authority of their own.
const reviewed = `
listeners: [{name: app, address: "127.0.0.1:0", caller: app}]
upstreams: {bss: {url: "https://{{.Upstream}}", catalog: cn, tls: {ca: ca.pem}}}
credentials: {customer: {class: customer, domain_id: c-17, access_key: {env: C17_AK}, secret_key: {env: C17_SK}}}
callers:
  app: {auth: [{certificate: {uri: "spiffe://people.example/app"}}], grants: [{operations: [effect:read], credential: customer}]}
audit: {dir: audit}
admin: {address: "127.0.0.1:0"}
review: {address: "127.0.0.1:0", hosts: [gateway.example], tls: {certificate: {files: {cert: gateway.crt, key: gateway.key}}, client_ca: people.pem}, sign_in: certificate}
identities:
  li-wei: {proofs: [{certificate: {uri: "spiffe://people.example/li-wei"}}], roles: [viewer]}
  wang-fang: {proofs: [{certificate: {common_name: Wang Fang}}], roles: [reviewer]}
log: {level: debug, format: json}
`

// browser is curl with its cookies, and with a certificate or without.
type browser struct {
	*world
	address string
	args    []string
}

func (w *world) browser(p *process, name string, args ...string) *browser {
	return &browser{w, p.address("review"), append([]string{"--silent", "--show-error", "--max-time", "20", "--noproxy", "*", "--write-out", "\n%{http_code} %{redirect_url}",
		"--cookie", w.file(name + ".jar"), "--cookie-jar", w.file(name + ".jar")}, args...)}
}

// with returns a browser that shows a certificate, over TLS.
func (w *world) with(p *process, name string) *browser {
	b := w.browser(p, name, "--cacert", w.file("ca.pem"), "--connect-to", "::"+p.address("review"))
	if name != "" {
		b.args = append(b.args, "--cert", w.file(name+".crt"), "--key", w.file(name+".key"))
	}
	b.address = gatewayName
	return b
}

// expect asks, and compares the last line, "STATUS REDIRECT", and a part of the page: "200 li-wei".
func (b *browser) expect(want, url string, args ...string) {
	b.t.Helper()
	status, part, _ := strings.Cut(want, " ")
	got := tool(b.t, "", "curl", append(append(b.args[:len(b.args):len(b.args)], args...), url)...)
	if last := got[strings.LastIndex(got, "\n")+1:]; !strings.HasPrefix(last, status) || !strings.Contains(got, part) {
		b.t.Errorf("%s %q: %s\nwant %s", url, args, got, want)
	}
}

// people makes an authority and certificates of it with openssl, each with a URI or a common name.
func (w *world) people(subjects map[string]string) {
	w.t.Helper()
	tool(w.t, "", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=People", "-keyout", w.file("people.key"), "-out", w.file("people.pem"))
	for name, subject := range subjects {
		args := []string{"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-CA", w.file("people.pem"), "-CAkey", w.file("people.key"),
			"-keyout", w.file(name + ".key"), "-out", w.file(name + ".crt"), "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=clientAuth", "-subj"}
		if uri, ok := strings.CutPrefix(subject, "URI:"); ok {
			tool(w.t, "", "openssl", append(args, "/CN="+name, "-addext", "subjectAltName=URI:"+uri)...)
		} else {
			tool(w.t, "", "openssl", append(args, "/CN="+subject)...)
		}
	}
}

// TestPeopleWithCertificates: with certificates of openssl, over HTTP/2 by curl, whose cookies keep the rules of browsers.
func TestPeopleWithCertificates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{})
	w.people(map[string]string{"li": "URI:spiffe://people.example/li-wei", "wang": "Wang Fang", "application": "URI:spiffe://people.example/app"})
	p := w.configure(reviewed).start()
	const at = "https://" + gatewayName
	li, wang, application, none := w.with(p, "li"), w.with(p, "wang"), w.with(p, "application"), w.with(p, "")
	none.expect("200 Pages can be shown", at+"/health")
	none.expect("303 "+at+"/signin?next=%2Fcalls", at+"/calls")
	none.expect("403 has shown no certificate", at+"/signin")
	application.expect("403 Applications cannot sign in", at+"/signin")
	application.expect("403 Applications cannot sign in", at+"/signin", "--data", "next=/calls")
	application.expect("303 /signin", at+"/calls")
	li.expect("200 li-wei", at+"/signin")
	li.expect("403", at+"/signin", "--data", "next=/", "--header", "Origin: https://elsewhere.example")
	li.expect("421", at+"/signin", "--data", "next=/", "--header", "Host: elsewhere.example")
	li.expect("303 /signin", at+"/calls")
	li.expect("303 "+at+"/calls", at+"/signin", "--data", "next=/calls")
	li.expect("200 li-wei", at+"/calls")
	wang.expect("303 "+at+"/", at+"/signin", "--data", "next=https://elsewhere.example/")
	wang.expect("200 wang-fang", at+"/about")
	none.args = append(none.args, "--cookie", w.file("li.jar"))
	none.expect("303 /signin", at+"/calls")
	wang.expect("303 /signin", at+"/signout", "--data", "")
	wang.expect("303 /signin", at+"/about")
	w.writeConfig("tollgate.yaml", replaceOnce(t, reviewed, "people.example/li-wei", "people.example/li"))
	p.hangUp()
	eventually(t, "the configuration is reloaded", func() bool { return strings.Contains(p.log(), `"msg":"the configuration was reloaded"`) })
	li.expect("303 /signin", at+"/calls")
	li.expect("403 Applications cannot sign in", at+"/signin")
	p.stop()
	w.verified()
	views := ""
	for _, r := range w.records() {
		if r.Event == logfile.EventViewed {
			views += r.Identity + " " + r.Subject + "\n"
		}
	}
	if views != "li-wei /calls\nwang-fang /about\n" {
		t.Errorf("the log has the views\n%s", views)
	}
}

// TestPeopleWithTokens: on loopback without TLS; wrong tokens run out.
func TestPeopleWithTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{})
	const token = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	text := replaceOnce(t, reviewed, ", hosts: [gateway.example], tls: {certificate: {files: {cert: gateway.crt, key: gateway.key}}, client_ca: people.pem}, sign_in: certificate", ", sign_in: token")
	p := w.configure(replaceOnce(t, text, `{certificate: {uri: "spiffe://people.example/li-wei"}}`, fmt.Sprintf("{token: {sha256: %x}}", sha256.Sum256([]byte(token))))).start()
	at := "http://" + p.address("review")
	li, other := w.browser(p, "li"), w.browser(p, "other")
	li.expect("303 "+at+"/calls", at+"/signin", "--data", "token="+token+"&next=/calls")
	li.expect("200 li-wei", at+"/calls")
	for range 10 {
		other.expect("403 not the token of a person", at+"/signin", "--data", "token="+strings.ToUpper(token))
	}
	other.expect("429 Too many failed attempts", at+"/signin", "--data", "token="+token)
	other.expect("303 /signin", at+"/calls")
	li.expect("200 li-wei", at+"/about")
	if strings.Contains(p.log(), token) {
		t.Error("the token is in the log")
	}
	p.stop()
	w.verified()
}
