package gateway

import (
	"net/http"
	"slices"
	"strings"

	"tollgate/catalog"
	"tollgate/signing"
)

// verify is step 5: the claim, over method, path, query, signed headers and body as they were received.
func (c *call) verify() *Refusal {
	if c.claim == nil {
		return nil
	}
	headers, err := signing.SignedHeaders(c.request.Header, c.request.Host, c.claim.SignedHeaders)
	if err != nil {
		return c.unproven(badSignature, err.Error())
	}
	hash, err := signing.PayloadHash(c.claim.Scheme, headers, c.bodyHash)
	if err != nil {
		return c.unproven(badSignature, err.Error())
	}
	if hash == signing.UnsignedPayload && !c.bodyMayBeUnsigned() {
		return c.unproven(unsignedPayload, c.operation.Name+" changes something, so the body must be signed, and "+
			signing.HeaderOf(c.claim.Scheme, signing.ContentHash)+": UNSIGNED-PAYLOAD is taken for reads, and for DELETE without a body, only; "+
			"the provider's PHP SDK cannot sign bodies, so use another one for this call")
	}
	if name := c.unsignedChoice(); name != "" {
		return c.unproven(badSignature, name+" chooses the account, so it must be signed")
	}
	if c.changes() && c.isUnsigned(repeatHeader) {
		return c.unproven(badSignature, repeatHeader+" has an act done once more, so it must be signed")
	}
	if !c.claim.Verify(signing.Request{
		Method: c.request.Method, Path: signing.CanonicalPath(c.path), Query: c.query.Canonical(), Headers: headers, PayloadHash: hash,
	}) {
		return c.unproven(badSignature, "the signature is not that of this access key over this method, path, query, signed headers and body")
	}
	c.identity = c.claim.Identity()
	return c.become(c.identity.Caller)
}

// bodyMayBeUnsigned reports whether a signature need not cover the body: nothing is changed, or there is no body.
func (c *call) bodyMayBeUnsigned() bool {
	return c.operation.Effect == catalog.Read || c.request.Method == http.MethodDelete && len(c.body) == 0
}

// unsignedChoice returns the header that chooses the account and is not signed; "" if there is none.
func (c *call) unsignedChoice() string {
	if c.isUnsigned(credentialHeader) {
		return credentialHeader
	}
	accounts := c.Callers.Schemes().Headers(signing.AccountName)
	if i := slices.IndexFunc(accounts, c.isUnsigned); i >= 0 && c.upstream.Signed {
		return accounts[i]
	}
	return ""
}

// isUnsigned reports whether a header is there and the signature does not cover it.
func (c *call) isUnsigned(name string) bool {
	return c.request.Header[name] != nil && !slices.Contains(c.claim.SignedHeaders, strings.ToLower(name))
}

func (c *call) unproven(code Code, detail string) *Refusal {
	r := refusal(code, "%s", detail)
	r.Claimed = c.claim.Caller
	return r
}
