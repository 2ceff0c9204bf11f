package gateway

import (
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
	headers, err := signing.SignedHeaders(c.request.Header, c.request.Host, c.claim.Authorization.SignedHeaders)
	if err != nil {
		return c.unproven(badSignature, err.Error())
	}
	hash, err := signing.PayloadHash(headers, c.bodyHash)
	if err != nil {
		return c.unproven(badSignature, err.Error())
	}
	if hash == signing.UnsignedPayload && c.operation.Effect != catalog.Read {
		return c.unproven(unsignedPayload, c.operation.Name+" changes something: sign the body (X-Sdk-Content-Sha256: UNSIGNED-PAYLOAD is taken for reads only)")
	}
	if c.request.Header[credentialHeader] != nil && !slices.Contains(c.claim.Authorization.SignedHeaders, strings.ToLower(credentialHeader)) {
		return c.unproven(badSignature, credentialHeader+" chooses the account, so it must be signed")
	}
	if !c.claim.Verify(&signing.Request{
		Method: c.request.Method, Path: signing.CanonicalPath(c.path), Query: c.query.Canonical(), Headers: headers, PayloadHash: hash,
	}) {
		return c.unproven(badSignature, "the signature is not that of this access key over this method, path, query, signed headers and body")
	}
	c.identity = c.claim.Identity()
	return c.become(c.identity.Caller)
}

func (c *call) unproven(code Code, detail string) *Refusal {
	r := refusal(code, "%s", detail)
	r.Claimed = c.claim.Caller
	return r
}
