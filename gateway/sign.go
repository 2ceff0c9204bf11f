package gateway

import (
	"fmt"
	"net/http"

	"tollgate/credential"
	"tollgate/signing"
)

// sign is step 9: a signature of this moment in the name of the credential's account, over exactly what is sent. Which headers make
// it up, only the credential's scheme knows.
func (c *call) sign(r *http.Request, lease *credential.Lease) error {
	room := new(struct {
		lines  [2]signing.Header
		values [4]string
	})
	added, err := lease.Sign(c.Now(), signing.Request{
		Method: r.Method, Path: r.URL.RawPath, Query: r.URL.RawQuery, Headers: appendSigned(room.lines[:0], r), PayloadHash: c.bodyHash,
	})
	if err != nil {
		return err
	}
	add := adder{r.Header, room.values[:0]}
	for _, h := range added {
		use, owned := c.Callers.Schemes().Owns(h.Name)
		if !owned || use == signing.Family || h.Name != http.CanonicalHeaderKey(h.Name) { // it would not be hidden if it is a secret
			return fmt.Errorf("the header %s is none that the gateway knows by name, spelt so", h.Name)
		}
		add.add(h.Name, h.Value)
	}
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

// appendSigned appends the headers that are signed besides those of the signature, in the order of their names: those that decide how
// the body is read, and by whom. Others are sent unsigned, since an upstream that reads one of them otherwise, or a hop that rewrites
// it, would find the signature wrong, for which the credential pauses.
func appendSigned(lines []signing.Header, r *http.Request) []signing.Header {
	if values := r.Header["Content-Type"]; values != nil {
		lines = append(lines, signing.Header{Name: "content-type", Value: values[0]})
	}
	return append(lines, signing.Header{Name: "host", Value: r.Host})
}
