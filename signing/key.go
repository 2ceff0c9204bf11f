package signing

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"tollgate/internal/secret"
)

const (
	maxKeyID      = 128      // bytes of an access key's name
	maxKeptBuffer = 64 << 10 // bytes: a larger scratch buffer is left to the garbage collector
)

var errKey = errors.New("signing: access key must be 1 to 128 of A-Z a-z 0-9 - _ . and the secret key not empty")

// Key signs and verifies with one access key and secret key (AK/SK). It keeps the keyed hash states, so it should live
// as long as its secret does. It is safe for concurrent use and prints without the secret. Create it with [NewKey].
type Key struct {
	accessKey string
	secretKey secret.String
	usable    bool
	pool      sync.Pool // of *scratch
}

// scratch is what one signature needs: taken from the key's pool, so that a signature allocates nothing.
type scratch struct {
	mac hash.Hash // keyed; its first Sum keeps the padded key's states, Reset goes back to them
	buf []byte
}

// NewKey prepares a key. An access key that is not 1 to 128 of A-Z a-z 0-9 - _ . or an empty secret gives a key that
// signs and verifies nothing.
func NewKey(accessKey string, secretKey secret.String) *Key {
	k := &Key{accessKey: accessKey, secretKey: secretKey}
	k.usable = validKeyID(accessKey) && !secretKey.IsZero()
	k.pool.New = func() any {
		return &scratch{mac: hmac.New(sha256.New, []byte(secretKey.Reveal())), buf: make([]byte, 0, 1024)}
	}
	return k
}

func validKeyID(s string) bool { return s != "" && len(s) <= maxKeyID && all(s, keyID) }

// AccessKey gives the name of the key (AK), which is no secret.
func (k *Key) AccessKey() string { return k.accessKey }

// Format implements [fmt.Formatter]: whatever the verb, it shows the access key only.
func (k *Key) Format(state fmt.State, _ rune) {
	_, _ = io.WriteString(state, "signing.Key("+k.accessKey+")")
}

// Sign gives the value of the Authorization header. Its errors are the caller's mistakes: a key that is not usable,
// no x-sdk-date or a malformed one, headers out of order, or a part of the request that is not in the form it is sent in.
func (k *Key) Sign(r *Request) (authorization string, err error) {
	if !k.usable {
		return "", errKey
	}
	date, err := checkRequest(r)
	if err != nil {
		return "", err
	}
	s := k.get()
	defer k.put(s)
	signature := s.signature(r, date)
	buf := append(s.buf[:0], Scheme+" Access="...)
	buf = append(buf, k.accessKey...)
	buf = append(buf, ", SignedHeaders="...)
	buf = appendNames(buf, r.Headers)
	buf = append(buf, ", Signature="...)
	s.buf = appendHex(buf, &signature)
	return string(s.buf), nil
}

// Verify tells whether a signature (64 lower-case hex digits) is this key's over the request. A request that cannot be
// signed, see [Key.Sign], has no good signature. The time taken does not depend on where a signature differs.
func (k *Key) Verify(r *Request, signature string) bool {
	if !k.usable || !validSignature(signature) {
		return false
	}
	date, err := checkRequest(r)
	if err != nil {
		return false
	}
	s := k.get()
	defer k.put(s)
	want := s.signature(r, date)
	var given [2 * sha256.Size]byte
	copy(given[:], signature)
	s.buf = appendHex(s.buf[:0], &want)
	return subtle.ConstantTimeCompare(given[:], s.buf) == 1
}

func (k *Key) get() *scratch { return k.pool.Get().(*scratch) }

func (k *Key) put(s *scratch) {
	if cap(s.buf) <= maxKeptBuffer {
		k.pool.Put(s)
	}
}

// signature works out the signature of a checked request.
func (s *scratch) signature(r *Request, date string) (sum [sha256.Size]byte) {
	s.buf = appendCanonical(s.buf[:0], r)
	digest := sha256.Sum256(s.buf)
	s.buf = appendStringToSign(s.buf[:0], date, digest)
	s.mac.Reset()
	s.mac.Write(s.buf)
	s.buf = s.mac.Sum(s.buf[:0])
	copy(sum[:], s.buf)
	return sum
}

// validSignature allows one spelling of a signature only, so that a replay cannot be dressed up as another one by the
// case of a digit.
func validSignature(s string) bool { return len(s) == 2*sha256.Size && all(s, lowerHex) }
