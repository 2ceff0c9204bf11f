package gateway

import (
	"fmt"
	"net/http"

	"tollgate/credential"
	"tollgate/signing"
)

// sign is step 11: a signature of this moment in the name of the credential's account, over exactly what is sent. Which headers make
// it up, only the credential's scheme knows.
func (c *call) sign(lease *credential.Lease) error {
	out := &c.scratch.out
	added, err := lease.Sign(c.Now(), signing.Request{
		Method: out.Method, Path: out.Path, Query: out.Query, Headers: out.appendSigned(out.signed[:0]), PayloadHash: c.bodyHash,
	})
	if err != nil {
		return err
	}
	for _, h := range added {
		use, owned := c.Callers.Schemes().Owns(h.Name)
		if !owned || use == signing.Family || h.Name != http.CanonicalHeaderKey(h.Name) { // it would not be hidden if it is a secret
			return fmt.Errorf("the header %s is none that the gateway knows by name, spelt so", h.Name)
		}
		out.Header.Del(h.Name)
		out.Header.Add(h.Name, h.Value)
	}
	return nil
}

// appendSigned appends the headers that are signed besides those of the signature, in the order of their names: those that decide how
// the body is read, and by whom. Others are sent unsigned, since an upstream that reads one of them otherwise, or a hop that rewrites
// it, would find the signature wrong, for which the credential pauses.
func (o *outbound) appendSigned(lines []signing.Header) []signing.Header {
	if o.Header.Has("Content-Type") {
		lines = append(lines, signing.Header{Name: "content-type", Value: o.Header.Get("Content-Type")})
	}
	return append(lines, signing.Header{Name: "host", Value: o.Host})
}
