package gateway

import (
	"net/http"

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

// signedNames are the headers that are signed besides Host, in the order of the signature: those that decide how the body is read,
// or whose call it is. Others are sent unsigned, since an upstream that reads one of them otherwise, or a hop that rewrites it, would
// find the signature wrong, for which the credential pauses.
var signedNames = [...]struct{ name, signed string }{
	{"Content-Type", "content-type"}, {"", "host"}, {"X-Domain-Id", "x-domain-id"}, {"X-Sdk-Date", "x-sdk-date"}, {"X-Security-Token", "x-security-token"},
}

// signedLines returns the headers that are signed.
func signedLines(r *http.Request) []signing.Header {
	lines := make([]signing.Header, 0, len(signedNames))
	for _, header := range signedNames {
		if header.name == "" {
			lines = append(lines, signing.Header{Name: header.signed, Value: r.Host})
		} else if values := r.Header[header.name]; values != nil {
			lines = append(lines, signing.Header{Name: header.signed, Value: values[0]})
		}
	}
	return lines
}
