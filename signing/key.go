package signing

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"sync"
	"time"

	"tollgate/internal/secret"
)

const (
	maxKeyID        = 128      // bytes of an access key's name
	maxPooledBuffer = 64 << 10 // bytes: a larger scratch buffer is left to the garbage collector
)

var errKey = errors.New("signing: access key must be 1 to 128 of A-Z a-z 0-9 - _ . and the secret key not empty")

// sdkKey keeps the keyed hash states.
type sdkKey struct {
	accessKey string
	secretKey secret.String
	usable    bool
	pool      sync.Pool // of *scratch
}

// scratch is what one signature needs: taken from the key's pool, so that a signature allocates nothing but what it returns.
type scratch struct {
	mac   hash.Hash // keyed; its first Sum keeps the padded key's states, Reset goes back to them
	buf   []byte
	lines []Header // to sign
	at    int64    // the second of date
	date  string   // in the form that is signed; empty at first
}

// NewKey prepares a key. An access key that is not 1 to 128 of A-Z a-z 0-9 - _ . or an empty secret makes a key that
// signs and verifies nothing.
func (sdk) NewKey(accessKey string, secretKey secret.String) Key {
	k := &sdkKey{accessKey: accessKey, secretKey: secretKey}
	k.usable = validKeyID(accessKey) && !secretKey.IsZero()
	k.pool.New = func() any {
		return &scratch{mac: hmac.New(sha256.New, []byte(secretKey.Reveal())), buf: make([]byte, 0, 1024)}
	}
	return k
}

func validKeyID(s string) bool { return s != "" && len(s) <= maxKeyID && all(s, keyID) }

// Format implements [fmt.Formatter]: whatever the verb, it shows the access key only.
func (k *sdkKey) Format(state fmt.State, _ rune) {
	_, _ = io.WriteString(state, "signing.Key("+k.accessKey+")")
}

// Sign adds the date, and the account and token that there are. The errors are the mistakes of the code that signs: a key that is not
// usable, headers out of order, or a part of the request that is not in the form it is sent in.
func (k *sdkKey) Sign(now time.Time, r Request, account Account) ([]Header, error) {
	s := k.get()
	defer k.put(s)
	added := append(make([]Header, 0, 4), Header{dateName, s.dateOf(now)})
	s.lines = addLine(append(s.lines[:0], r.Headers...), Header{dateHeader, added[0].Value})
	if id := account.DomainID; id != "" {
		added = append(added, Header{accountName, id})
		s.lines = addLine(s.lines, Header{accountHeader, id})
	}
	if token := account.SecurityToken.Reveal(); token != "" {
		added = append(added, Header{tokenName, token})
		s.lines = addLine(s.lines, Header{tokenHeader, token})
	}
	r.Headers = s.lines
	authorization, err := k.authorization(s, &r)
	if err != nil {
		return nil, err
	}
	return append(added, Header{AuthorizationHeader, authorization}), nil
}

// dateOf returns [FormatDate] of a moment, which most signatures have in common with the one before.
func (s *scratch) dateOf(now time.Time) string {
	if at := now.Unix(); s.date == "" || s.at != at {
		s.at, s.date = at, FormatDate(now)
	}
	return s.date
}

// addLine puts a header in its place among others; beside one of the same name, which is an error then.
func addLine(lines []Header, h Header) []Header {
	at := len(lines)
	for at > 0 && lines[at-1].Name > h.Name {
		at--
	}
	return slices.Insert(lines, at, h)
}

// authorization returns the value of Authorization for a request that has all of its headers.
func (k *sdkKey) authorization(s *scratch, r *Request) (string, error) {
	if !k.usable {
		return "", errKey
	}
	date, err := checkRequest(r)
	if err != nil {
		return "", err
	}
	signature := s.signature(r, date)
	buf := append(s.buf[:0], sdkName+" Access="...)
	buf = append(buf, k.accessKey...)
	buf = append(buf, ", SignedHeaders="...)
	buf = appendNames(buf, r.Headers)
	buf = append(buf, ", Signature="...)
	s.buf = appendHex(buf, &signature)
	return string(s.buf), nil
}

// Verify reports whether the claim's signature is that of the request. It must be 64 lower-case hex digits.
func (k *sdkKey) Verify(r Request, c *Claim) bool {
	if !k.usable || !validSignature(c.Signature) {
		return false
	}
	date, err := checkRequest(&r)
	if err != nil || date != c.DateText {
		return false
	}
	s := k.get()
	defer k.put(s)
	want := s.signature(&r, date)
	var given [2 * sha256.Size]byte
	copy(given[:], c.Signature)
	s.buf = appendHex(s.buf[:0], &want)
	return subtle.ConstantTimeCompare(given[:], s.buf) == 1
}

func (k *sdkKey) get() *scratch { return k.pool.Get().(*scratch) }

func (k *sdkKey) put(s *scratch) {
	clear(s.lines) // the pool does not keep tokens alive
	if cap(s.buf) <= maxPooledBuffer {
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

// validSignature reports whether a signature has its one spelling, so that a replay cannot be dressed up as another one by the
// case of a digit.
func validSignature(s string) bool { return len(s) == 2*sha256.Size && all(s, lowerHex) }
