package gateway

import (
	"net/http"
	"slices"
	"strings"

	"tollgate/catalog"
	"tollgate/internal/words"
	"tollgate/signing"
)

// verify is step 5: the claim, over method, path, query, signed headers and body as they were received.
func (c *call) verify() *Refusal {
	if c.claim == nil {
		return nil
	}
	headers, err := signing.SignedHeaders(c.request.Header, c.request.Host, c.claim.SignedHeaders)
	if err != nil {
		return c.unproven(badSignature, words.Of(err))
	}
	hash, err := signing.PayloadHash(c.claim.Scheme, headers, c.bodyHash)
	if err != nil {
		return c.unproven(badSignature, words.Of(err))
	}
	if hash == signing.UnsignedPayload && !c.bodyMayBeUnsigned() {
		return c.unproven(unsignedPayload, words.Say("error.signature.unsigned_body",
			"Operation", c.operation.Name, "Header", signing.HeaderOf(c.claim.Scheme, signing.ContentHash)))
	}
	if name := c.unsignedChoice(); name != "" {
		return c.unproven(badSignature, words.Say("error.signature.choice", "Header", name))
	}
	if c.changes() && c.isUnsigned(repeatHeader) {
		return c.unproven(badSignature, words.Say("error.signature.repeat", "Header", repeatHeader))
	}
	if !c.claim.Verify(signing.Request{
		Method: c.request.Method, Path: signing.CanonicalPath(c.path), Query: c.query.Canonical(), Headers: headers, PayloadHash: hash,
	}) {
		return c.unproven(badSignature, words.Say("error.signature.other"))
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

func (c *call) unproven(code Code, message words.Message) *Refusal {
	r := refuse(code, message)
	r.Claimed = c.claim.Caller
	return r
}
