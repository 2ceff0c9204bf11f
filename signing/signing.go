package signing

import (
	"crypto/sha256"
	"hash"
)

// UnsignedPayload stands in place of the body hash when the body is not covered by the signature. Calls that move money
// should not be accepted with it.
const UnsignedPayload = "UNSIGNED-PAYLOAD"

// EmptyHash is [HashHex] of no bytes: what a request without a body signs.
const EmptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// Header is one header line, with the value as sent (the canonical form trims it). The name is in lower case where it is to be signed,
// and in canonical spelling where it is to be sent.
type Header struct{ Name, Value string }

// Request is what a signature covers.
type Request struct {
	Method string // as sent, not upper-cased
	Path   string // escaped canonical URI as sent: [CanonicalPath]. The final slash that only the canonical form has is added by signing
	Query  string // canonical query as sent: [Query.Canonical]

	// Headers are the headers to sign, sorted by name, each name once; to verify, among them those of the scheme. Who sends a
	// request signs host too: without it the signature is good for any host.
	Headers []Header

	PayloadHash string // [HashHex] of the body, or [UnsignedPayload]
}

// Hasher makes the [HashHex] of a body that comes in parts, of one body after the other. The zero value is ready for use.
type Hasher struct {
	state hash.Hash
	sum   [sha256.Size]byte
}

// Add adds the next part.
func (h *Hasher) Add(part []byte) {
	if h.state == nil {
		h.state = sha256.New()
	}
	h.state.Write(part)
}

// Hex returns the hash of what was added since the last reset.
func (h *Hasher) Hex() string {
	if h.state == nil {
		return EmptyHash
	}
	h.state.Sum(h.sum[:0])
	var digits [2 * sha256.Size]byte
	return string(appendHex(digits[:0], &h.sum))
}

// Reset makes the hasher ready for another body.
func (h *Hasher) Reset() {
	if h.state != nil {
		h.state.Reset()
	}
	h.sum = [sha256.Size]byte{}
}

// HashHex returns the SHA-256 of a body in lower-case hex, as [Request].PayloadHash wants it.
func HashHex(body []byte) string {
	sum := sha256.Sum256(body)
	var digits [2 * sha256.Size]byte
	return string(appendHex(digits[:0], &sum))
}
