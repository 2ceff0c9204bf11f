package checkpoint

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"tollgate/internal/durable"
	"tollgate/internal/private"
)

// maxKeyFile bounds what is read of a key file, in bytes.
const maxKeyFile = 4 << 10

// Key signs the checkpoints of one log. It prints without its secret.
type Key struct {
	signer note.Signer
	public PublicKey
	derive func(purpose string) []byte // returns another key; a function, which prints as an address
}

// PublicKey verifies checkpoints. Its text is a verifier key of golang.org/x/mod/sumdb/note: NAME+HASH+KEY. PublicKeys
// can be compared with ==.
type PublicKey struct{ text string }

// Name returns the name of the log that the key signs for.
func (k PublicKey) Name() string {
	name, _, _ := strings.Cut(k.text, "+")
	return name
}

func (k PublicKey) String() string { return k.text }

// IsZero reports whether there is no key.
func (k PublicKey) IsZero() bool { return k.text == "" }

func (k PublicKey) verifier() (note.Verifier, error) {
	v, err := note.NewVerifier(k.text)
	if err != nil {
		return nil, fmt.Errorf("public key %q: %w", k.text, err)
	}
	return v, nil
}

// LogName is the name of a log in a configuration: a text that prints and fits in one line of a note.
type LogName string

const (
	namePattern = `^[!#-*,-\[\]-~]{1,200}$`
	nameRule    = "1 to 200 printable ASCII characters without blank, plus, quote or backslash"
)

var nameExpr = regexp.MustCompile(namePattern)

// UnmarshalText implements [encoding.TextUnmarshaler].
func (n *LogName) UnmarshalText(text []byte) error {
	if !nameExpr.Match(text) {
		return errors.New("want " + nameRule)
	}
	*n = LogName(text)
	return nil
}

func (n LogName) Pattern() string { return namePattern }
func (n LogName) Kind() string    { return "name" }

func checkName(name string) error {
	if !nameExpr.MatchString(name) {
		return fmt.Errorf("the name of an audit log, %.220q, must be of %s", name, nameRule)
	}
	return nil
}

// ParsePublicKey reads the text of a public key. It ignores white space around it.
func ParsePublicKey(text string) (PublicKey, error) {
	k := PublicKey{strings.TrimSpace(text)}
	if strings.Contains(k.text, "PRIVATE+") { // which no error may show
		return PublicKey{}, errors.New("this is a private key, which only the gateway should have; tollgate audit key prints the public one")
	}
	_, err := k.verifier()
	if parts := strings.SplitN(k.text, "+", 3); err == nil {
		_, err = base64.StdEncoding.Strict().DecodeString(parts[2]) // one key has one spelling
		if parts[1] != strings.ToLower(parts[1]) {
			err = errors.New("the hash of the public key is spelt in capital letters")
		}
	}
	if err = errors.Join(err, checkName(k.Name())); err != nil {
		return PublicKey{}, fmt.Errorf("%w; it should look like NAME+HASH+KEY", err)
	}
	return k, nil
}

// Name returns the name of the log that the key signs for.
func (k *Key) Name() string { return k.public.Name() }

// Public returns the key that verifies what k signs.
func (k *Key) Public() PublicKey { return k.public }

// Format implements [fmt.Formatter]: the key is never printed.
func (k *Key) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "private key of "+k.public.text)
}

// NewKey returns a new Ed25519 key for the log of a name, which must not be empty and has neither white space nor a plus.
func NewKey(name string) (*Key, error) {
	key, _, err := newKey(name)
	return key, err
}

func newKey(name string) (*Key, string, error) {
	if err := checkName(name); err != nil {
		return nil, "", err
	}
	private, _, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return nil, "", fmt.Errorf("making an audit key: %w", err)
	}
	key, err := parseKey(private)
	return key, private, err
}

// parseKey reads a private key. Its errors do not contain the text.
func parseKey(text string) (*Key, error) {
	signer, err := note.NewSigner(text)
	if err != nil {
		return nil, errors.New("it holds no private key of the form PRIVATE+KEY+NAME+HASH+KEY")
	}
	parts := strings.SplitN(text, "+", 5) // NewSigner has found all five
	seed, err := base64.StdEncoding.DecodeString(parts[4])
	if err != nil {
		return nil, errors.New("its key is not in base64")
	}
	public, err := note.NewEd25519VerifierKey(parts[2], ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	derive := func(purpose string) []byte {
		mac := hmac.New(sha256.New, seed[1:])
		_, _ = io.WriteString(mac, "tollgate derived key: "+purpose) // never fails
		return mac.Sum(nil)
	}
	key := &Key{signer: signer, public: PublicKey{public}, derive: derive}
	return key, checkName(key.Name())
}

// MAC returns HMAC-SHA256 under a key that is derived from k for one purpose. It can be neither made nor checked without k, and is of no
// use for another purpose.
func (k *Key) MAC(purpose string) hash.Hash { return hmac.New(sha256.New, k.derive(purpose)) }

// LoadKey reads a key file, by the rule of package private for files that the gateway made. The error wraps
// [fs.ErrNotExist] if there is none.
func LoadKey(file string, report private.Report) (*Key, error) {
	text, err := private.ReadOwn(file, maxKeyFile, report)
	if err != nil {
		return nil, fmt.Errorf("audit key: %w", err)
	}
	key, err := parseKey(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("audit key %s: %w", file, err)
	}
	return key, nil
}

// CreateKey makes a key and writes it durably to a file of mode 0600, which must not exist yet.
func CreateKey(file, name string) (*Key, error) {
	key, private, err := newKey(name)
	if err != nil {
		return nil, err
	}
	if err := durable.CreateFile(file, private+"\n"); err != nil {
		return nil, fmt.Errorf("writing an audit key: %w", err)
	}
	return key, nil
}

// RemoveUnfinished removes the temporary file that a crash left while a key was made: it may be a copy of the key. A process that makes a
// key for the same file meanwhile has an error, and no key.
func RemoveUnfinished(file string) error {
	var problems []error
	for _, path := range durable.Unfinished(file) {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, fmt.Errorf("removing what is left of making an audit key: %w", err))
		}
	}
	return errors.Join(problems...)
}
