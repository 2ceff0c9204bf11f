// Package mac has the keyed hashes of a log: of what is withheld from records on purpose, since it may hold secrets. A plain hash of a
// PIN can be reversed by trying all PINs; a keyed one cannot without the key, and still shows whether a text that was kept is the one that
// the record is about.
//
// # The key
//
// A file with 64 hexadecimal digits, which stand for 32 random bytes, and a line feed, for the gateway only (mode 0600). It is made at a
// start that finds none. Only these hashes depend on it: without it they can be neither checked nor searched, and what calls
// hold (package journal) cannot be recognised.
//
// # The hash
//
// HMAC-SHA-256 (RFC 2104) under the key over the 32 bytes of the text's SHA-256, in lower-case hexadecimal digits. So the gateway hashes a
// body once. The id of the key stands beside it: the first 16 digits of HMAC-SHA-256 under the key over "tollgate mac key id".
package mac

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"strings"
	"sync"

	"tollgate/internal/durable"
	"tollgate/internal/private"
)

// FileName is that of the key file in the folder of the log, unless the configuration names another.
const FileName = "hash.key"

const (
	size    = 32
	idSize  = 8
	maxFile = 1 << 10
)

// Key computes keyed hashes. It is safe for concurrent use, and prints without its secret.
type Key struct {
	id   string
	pool sync.Pool // of *scratch
}

// scratch is what one hash needs: keying costs as much as a short hash.
type scratch struct {
	mac       hash.Hash // keyed
	sum, text []byte
}

// New returns a new key, which is in memory only.
func New() *Key {
	key, _ := make32()
	return key
}

func make32() (*Key, string) {
	secret := make([]byte, size)
	_, _ = rand.Read(secret) // never fails
	return newKey(secret), hex.EncodeToString(secret) + "\n"
}

func newKey(secret []byte) *Key {
	k := &Key{}
	k.pool.New = func() any {
		return &scratch{hmac.New(sha256.New, secret), make([]byte, sha256.Size), make([]byte, 2*sha256.Size)}
	}
	k.id = k.sum([]byte("tollgate mac key id"))[:2*idSize]
	return k
}

// ID returns the key's id, from which the key cannot be derived.
func (k *Key) ID() string { return k.id }

// Format implements [fmt.Formatter]: the key is never printed.
func (k *Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "mac.Key("+k.id+")") }

// Text returns the keyed hash of a text.
func (k *Key) Text(text string) string {
	sum := sha256.Sum256([]byte(text))
	return k.sum(sum[:])
}

// Short returns the first half of the keyed hash of a text, as bytes.
func (k *Key) Short(text []byte) (half [size / 2]byte) {
	sum := sha256.Sum256(text)
	s := k.pool.Get().(*scratch)
	defer k.pool.Put(s)
	copy(half[:], s.keyed(append(s.sum[:0], sum[:]...)))
	return half
}

// Read returns the keyed hash of all that r reads.
func (k *Key) Read(r io.Reader) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return k.sum(h.Sum(nil)), nil
}

// Of returns the keyed hash of the text with a SHA-256, in hexadecimal digits; "" for what is no such hash.
func (k *Key) Of(hash string) string {
	if len(hash) != 2*sha256.Size {
		return ""
	}
	s := k.pool.Get().(*scratch)
	defer k.pool.Put(s)
	if _, err := hex.Decode(s.sum, append(s.text[:0], hash...)); err != nil {
		return ""
	}
	return s.of(s.sum)
}

func (k *Key) sum(data []byte) string {
	s := k.pool.Get().(*scratch)
	defer k.pool.Put(s)
	return s.of(data)
}

func (s *scratch) of(data []byte) string {
	s.text = hex.AppendEncode(s.text[:0], s.keyed(data))
	return string(s.text)
}

// keyed returns the hash of data, valid until the next one.
func (s *scratch) keyed(data []byte) []byte {
	s.mac.Reset()
	_, _ = s.mac.Write(data) // never fails
	s.sum = s.mac.Sum(s.sum[:0])
	return s.sum
}

// Load reads a key file, by the rule of package private for files that the gateway made. The error wraps [fs.ErrNotExist] when
// there is none, and does not contain the key.
func Load(file string, report private.Report) (*Key, error) {
	text, err := private.ReadOwn(file, maxFile, report)
	if err != nil {
		return nil, fmt.Errorf("hash key: %w", err)
	}
	digits, _ := strings.CutSuffix(string(text), "\n")
	secret, err := hex.DecodeString(digits)
	if err != nil || len(secret) != size {
		return nil, fmt.Errorf("hash key %s: it is not one line of %d hexadecimal digits", file, 2*size)
	}
	return newKey(secret), nil
}

// LoadOrMake is Load, but makes the key, durably, if there is none, and reports whether it did.
func LoadOrMake(file string, report private.Report) (key *Key, made bool, err error) {
	key, err = Load(file, report)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, false, err
	}
	key, text := make32()
	err = durable.CreateFile(file, text)
	if errors.Is(err, fs.ErrExist) { // another process was faster
		key, err = Load(file, report)
		return key, false, err
	}
	if err != nil {
		return nil, false, fmt.Errorf("making a hash key: %w", err)
	}
	return key, true, nil
}
