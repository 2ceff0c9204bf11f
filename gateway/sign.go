package gateway

import (
	"net/http"
	"slices"
	"strings"

	"tollgate/credential"
	"tollgate/signing"
)

// sign is step 9: a fresh date, the account of the credential, and the signature over exactly what is sent.
func (c *call) sign(r *http.Request, lease *credential.Lease) error {
	add := adder{r.Header, make([]string, 0, 4)}
	add.add("X-Sdk-Date", signing.FormatDate(c.Now()))
	if id := lease.DomainID(); id != "" {
		add.add("X-Domain-Id", id)
	}
	if token := lease.SecurityToken(); !token.IsZero() {
		add.add("X-Security-Token", token.Reveal())
	}
	authorization, err := lease.Sign(&signing.Request{
		Method: r.Method, Path: r.URL.RawPath, Query: r.URL.RawQuery, Headers: signedLines(r), PayloadHash: c.bodyHash,
	})
	if err != nil {
		return err
	}
	add.add("Authorization", authorization)
	return nil
}

// adder sets headers whose values lie in one array.
type adder struct {
	header http.Header
	values []string
}

func (a *adder) add(name, value string) {
	a.values = append(a.values, value)
	last := len(a.values)
	a.header[name] = a.values[last-1 : last : last]
}

// signedLines are all headers but User-Agent, which hops like to rewrite, and Host.
func signedLines(r *http.Request) []signing.Header {
	lines := make([]signing.Header, 1, usualHeaders)
	lines[0] = signing.Header{Name: "host", Value: r.Host}
	for name, values := range r.Header {
		if name != "User-Agent" {
			lines = append(lines, signing.Header{Name: signedName(name), Value: values[0]})
		}
	}
	slices.SortFunc(lines, func(a, b signing.Header) int { return strings.Compare(a.Name, b.Name) })
	return lines
}

// signedNames are the usual headers as they are signed.
var signedNames = map[string]string{}

func init() {
	for _, name := range append(forwarded[:], "X-Sdk-Date", "X-Domain-Id", "X-Security-Token") {
		signedNames[name] = strings.ToLower(name)
	}
}

// signedName gives the name of a header in lower case.
func signedName(name string) string {
	if known, ok := signedNames[name]; ok {
		return known
	}
	return strings.ToLower(name)
}
