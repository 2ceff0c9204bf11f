// Package blobs stores texts that records of a log name, each in a file that is named by the text's hash, so that a replaced text is
// detected.
//
// # Files
//
// The texts are in the folder "blobs" (mode 0700) of the log's folder, in files (mode 0600) whose names are the SHA-256 of their content in
// lower-case hexadecimal digits. A file is whole from the moment that it has its name: it is written under the name with ".tmp" behind it,
// synced, renamed, and the folder is synced, before [Store.Put] returns. A record names a text by the first digits of its hash, and must not
// be written before that.
//
// The file "segments" is derived: it has the names that closed segments of the log have, as JSON, and may be missing.
//
// # What is removed
//
// A text is removed by [Store.Prune] when no segment that is left names it, and no record that is still to be written can.
package blobs

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"tollgate/internal/durable"
)

const (
	// Folder is the name of the folder in that of the log.
	Folder = "blobs"
	// MaxText bounds a text, in bytes. A plan of 10,000 callers has 2 MB.
	MaxText = 64 << 20
	// Digits is the length of a name.
	Digits = 2 * sha256.Size
	// LeastDigits is how many of them identify a text.
	LeastDigits = 16

	temporary = ".tmp"
)

// NameOf returns the name of a text.
func NameOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Store writes the texts of a log. Only the process that has the log's lock may have one. It is safe for concurrent use.
type Store struct {
	log  string // the log's folder
	disk disk

	mutex sync.Mutex // guards what follows, and the files against Prune
	used  map[string]use
}

// use is the time since which a text is no longer in force; zero: it is, or may be.
type use struct{ left time.Time }

// New returns the store of the log in a folder. It does not access it yet.
func New(log string) *Store {
	return &Store{log: log, used: map[string]use{}, disk: disk{os.Mkdir, durable.WriteFile, os.Remove, durable.SyncDir}}
}

// disk has the functions that change files. Tests replace them by failing ones.
type disk struct {
	mkdir     func(name string, mode fs.FileMode) error
	writeFile func(name string, data []byte, mode fs.FileMode) error // durably
	remove    func(name string) error
	syncDir   func(name string) error
}

func (s *Store) path(name string) string { return filepath.Join(s.log, Folder, name) }

// Put makes a text durable and returns its name. It replaces a file whose content does not have the hash. The text stays until a later one
// is in force: see [Store.InForce].
func (s *Store) Put(text []byte) (name string, err error) {
	if len(text) > MaxText {
		return "", fmt.Errorf("a text of %d bytes: at most %d are kept", len(text), MaxText)
	}
	name = NameOf(text)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.used[name] = use{}
	if err := s.makeFolder(); err != nil {
		return "", err
	}
	if _, err := readFile(os.DirFS(s.log), name); err == nil {
		return name, s.disk.syncDir(s.path(".")) // it may be there since a sync that failed
	}
	return name, s.disk.writeFile(s.path(name), text, 0o600)
}

// makeFolder makes the folder durably, if it is not there, or since a sync that failed.
func (s *Store) makeFolder() error {
	if err := s.disk.mkdir(s.path("."), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return s.disk.syncDir(s.log)
}

// InForce declares the text of a name to be the one in force from now on.
func (s *Store) InForce(name string, now time.Time) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for other, u := range s.used {
		if other != name && u.left.IsZero() {
			s.used[other] = use{left: now}
		}
	}
	s.used[name] = use{}
}

// Text is a text with its name.
type Text struct {
	Name    string
	Content []byte
}

// Read returns the text whose name begins with some digits, LeastDigits at least, and its name. fsys is the folder of a log. It returns an
// error of [Find], or one if there are two such texts.
func Read(fsys fs.FS, digits string) (text []byte, name string, err error) {
	found, err := Find(fsys, digits)
	if err != nil {
		return nil, "", err
	}
	return only(found, digits)
}

func only(found []Text, digits string) (text []byte, name string, err error) {
	if len(found) > 1 {
		return nil, "", fmt.Errorf("%s and %s both begin with %s: use more digits", found[0].Name, found[1].Name, digits)
	}
	return found[0].Content, found[0].Name, nil
}

// Find returns the texts whose names begin with some digits, LeastDigits at least: more than one where a collision was made on purpose.
// It ignores a file whose content does not have the hash if there are others. The error wraps [fs.ErrNotExist] if there is
// no such file, and [ErrDamaged] if none has the hash of its name.
func Find(fsys fs.FS, digits string) ([]Text, error) {
	if !isHex(digits) || len(digits) < LeastDigits || len(digits) > Digits {
		return nil, fmt.Errorf("%.80q is not the name of a text: that is %d to %d hexadecimal digits", digits, LeastDigits, Digits)
	}
	return find(fsys, digits)
}

func find(fsys fs.FS, digits string) (found []Text, err error) {
	names, err := List(fsys)
	if err != nil {
		return nil, err
	}
	none := fmt.Errorf("no text %s is in %s: %w", digits, Folder, fs.ErrNotExist)
	for _, name := range names {
		if !strings.HasPrefix(name, digits) {
			continue
		}
		if content, err := readFile(fsys, name); err != nil {
			none = err
		} else {
			found = append(found, Text{name, content})
		}
	}
	if len(found) == 0 {
		return nil, none
	}
	return found, nil
}

// List returns the names of the texts in the folder of a log, sorted; none if the log has no such folder.
func List(fsys fs.FS) (names []string, err error) {
	entries, err := fs.ReadDir(fsys, Folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, entry := range entries {
		if IsName(entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	return names, err
}

// IsName reports whether a file of this name holds a text.
func IsName(name string) bool { return len(name) == Digits && isHex(name) }

func isHex(text string) bool { return strings.Trim(text, "0123456789abcdef") == "" }

// Check returns an error unless the text of a name has that hash.
func Check(fsys fs.FS, name string) error {
	_, err := readFile(fsys, name)
	return err
}

// ErrDamaged is wrapped by errors of a text that does not have the hash of its name.
var ErrDamaged = errors.New("the text is not the one that its name is the hash of")

// readFile returns the text of a name.
func readFile(fsys fs.FS, name string) ([]byte, error) {
	file := path.Join(Folder, name)
	info, err := fs.Lstat(fsys, file)
	if err == nil && !info.Mode().IsRegular() { // a pipe would never end
		err = fmt.Errorf("%s: %w: it is no regular file", file, ErrDamaged)
	}
	if err != nil {
		return nil, err
	}
	f, err := fsys.Open(file)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, MaxText+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if NameOf(text) != name {
		return nil, fmt.Errorf("%s: %w", file, ErrDamaged)
	}
	return text, nil
}
