package audit

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/internal/durable"
	"tollgate/internal/private"
)

const (
	keyName   = "signing.key"
	newSuffix = ".new"
)

// keyring is where the private keys of a log are. Its errors wrap [fs.ErrNotExist] when there is no such key.
type keyring interface {
	// Path names the key for people; its successor has newSuffix behind it.
	Path() string
	Load() (*checkpoint.Key, error)
	LoadNew() (*checkpoint.Key, error)
	// CreateNew makes the successor, durably.
	CreateNew(name string) (*checkpoint.Key, error)
	// Replace puts the successor in the key's place, durably.
	Replace() error
	// Tidy removes what a crash left when a key was made.
	Tidy() error
}

// keyFile is a keyring of the files at its path.
type keyFile struct {
	path   string
	report private.Report
}

var _ keyring = keyFile{}

func (f keyFile) Path() string                   { return f.path }
func (f keyFile) Load() (*checkpoint.Key, error) { return checkpoint.LoadKey(f.path, f.report) }
func (f keyFile) LoadNew() (*checkpoint.Key, error) {
	return checkpoint.LoadKey(f.path+newSuffix, f.report)
}
func (f keyFile) CreateNew(name string) (*checkpoint.Key, error) {
	return checkpoint.CreateKey(f.path+newSuffix, name)
}

func (f keyFile) Tidy() error {
	return errors.Join(checkpoint.RemoveUnfinished(f.path), checkpoint.RemoveUnfinished(f.path+newSuffix))
}

func (f keyFile) Replace() error {
	if err := os.Rename(f.path+newSuffix, f.path); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(f.path))
}

// PrepareRotation makes the successor of a log's key, in a file beside it. The next [Open] brings it into the log, with a
// checkpoint that both keys sign, and then puts it in the place of the old one. It returns the new public key. The error
// wraps [fs.ErrExist] when a successor is prepared already. The report is about the old key's file.
func PrepareRotation(keyFile string, report private.Report) (checkpoint.PublicKey, error) {
	old, err := checkpoint.LoadKey(keyFile, report)
	if err != nil {
		return checkpoint.PublicKey{}, err
	}
	return prepareKey(keyFile, old.Name())
}

// ReplaceLostKey makes another key for the log of the given name, whose key file is lost. The next [Open] brings it into
// the log; no chain of signatures leads to it from the lost one. The error wraps [fs.ErrExist] when there is a key file, or
// when a successor is prepared already.
func ReplaceLostKey(keyFile, name string) (checkpoint.PublicKey, error) {
	if _, err := os.Lstat(keyFile); err == nil {
		return checkpoint.PublicKey{}, fmt.Errorf("the key is not lost, or move its file away: %w",
			&fs.PathError{Op: "replace", Path: keyFile, Err: fs.ErrExist})
	}
	return prepareKey(keyFile, name)
}

func prepareKey(keyFile, name string) (checkpoint.PublicKey, error) {
	key, err := checkpoint.CreateKey(keyFile+newSuffix, name)
	if errors.Is(err, fs.ErrExist) {
		err = fmt.Errorf("another key is prepared already, and comes into use with the next start: %w", err)
	}
	if err != nil {
		return checkpoint.PublicKey{}, err
	}
	return key.Public(), nil
}

// signers are the keys that a start settles on.
type signers struct {
	keys    []*checkpoint.Key // that sign the next checkpoint; the last one signs all further ones alone
	record  *logfile.Record   // brings the last one in, in front of that checkpoint; nil when the log has it
	replace bool              // the last one takes the key file's place when the checkpoint is durable
}

// chooseKeys settles who signs, by what the log says and what files there are. It refuses what would leave a log that
// cannot be verified. Of a log without a key it makes one, named name, or at random.
func chooseKeys(ring keyring, c *logfile.Chain, name string) (signers, error) {
	key, err := optional(ring.Load())
	if err != nil {
		return signers{}, err
	}
	successor, err := optional(ring.LoadNew())
	if err != nil {
		return signers{}, err
	}
	var s signers
	switch {
	case c.Key.IsZero():
		s, err = firstKey(ring, key, successor, name)
	case successor == nil:
		s, err = sameKey(ring, c, key)
	case successor.Public() == c.Key:
		s, err = broughtIn(ring, c, key, successor)
	default:
		s, err = bringIn(ring, c, key, successor)
	}
	if err != nil {
		return s, err
	}
	if got := s.keys[0].Name(); name != "" && got != name {
		return s, fmt.Errorf("audit: the log's key %s is for the log %q, not %q: a log keeps its name", ring.Path(), got, name)
	}
	return s, nil
}

func optional(key *checkpoint.Key, err error) (*checkpoint.Key, error) {
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return key, err
}

// firstKey makes a key in the successor's place, so that the key file is there only when a checkpoint is: then a key file
// without a log says that the log is lost.
func firstKey(ring keyring, key, successor *checkpoint.Key, name string) (signers, error) {
	s := signers{replace: successor != nil}
	if key = cmp.Or(successor, key); key == nil {
		var err error
		if key, err = ring.CreateNew(cmp.Or(name, randomName())); err != nil {
			return s, err
		}
		s.replace = true
	}
	s.keys, s.record = []*checkpoint.Key{key}, &logfile.Record{Kind: logfile.KindKey, Key: key.Public().String()}
	return s, nil
}

func randomName() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails
	return "tollgate/" + hex.EncodeToString(b)
}

func sameKey(ring keyring, c *logfile.Chain, key *checkpoint.Key) (signers, error) {
	if err := mustBe(ring, key, c.Key); err != nil {
		return signers{}, err
	}
	if !c.Before.IsZero() {
		return signers{}, fmt.Errorf("audit: the log's key before, %v, has yet to sign for the key %s: "+
			"put it back under that name, and the present one beside it as %s", c.Before, ring.Path(), ring.Path()+newSuffix)
	}
	return signers{keys: []*checkpoint.Key{key}}, nil
}

// broughtIn ends a rotation that a crash, or an error, interrupted.
func broughtIn(ring keyring, c *logfile.Chain, key, successor *checkpoint.Key) (signers, error) {
	s := signers{keys: []*checkpoint.Key{successor}, replace: true}
	if c.Before.IsZero() {
		return s, nil
	}
	s.keys = []*checkpoint.Key{key, successor}
	return s, mustBe(ring, key, c.Before)
}

func bringIn(ring keyring, c *logfile.Chain, key, successor *checkpoint.Key) (signers, error) {
	s := signers{
		keys: []*checkpoint.Key{successor}, replace: true,
		record: &logfile.Record{Kind: logfile.KindKey, Key: successor.Public().String(), PreviousKey: c.Key.String(), KeyLost: key == nil},
	}
	if successor.Name() != c.Key.Name() {
		return s, fmt.Errorf("audit: the key %s is for the log %q, and this log is %q: remove it, and prepare another",
			ring.Path()+newSuffix, successor.Name(), c.Key.Name())
	}
	if key == nil {
		return s, nil
	}
	if _, err := sameKey(ring, c, key); err != nil {
		return s, err
	}
	s.keys = []*checkpoint.Key{key, successor}
	return s, nil
}

// mustBe refuses a key other than the wanted one.
func mustBe(ring keyring, key *checkpoint.Key, want checkpoint.PublicKey) error {
	var what string
	switch {
	case key == nil:
		what = "is missing"
	case key.Public() != want:
		what = fmt.Sprintf("is another one, %v", key.Public())
	default:
		return nil
	}
	return fmt.Errorf("audit: the key %s, whose public key is %v, %s: restore the file from a copy; "+
		"if it is lost for good, move what is there away and run `tollgate audit rotate-key --lost`", ring.Path(), want, what)
}
