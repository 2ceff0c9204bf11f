// Package keyfile makes virtual keys of callers in files of their own, and removes them. It never changes a file that an operator wrote.
//
// A key is two files in a directory that the configuration includes: CALLER-ID.secret with the secret, and CALLER-ID.yaml with an entry that
// extends the caller by the key. The secret is there before the entry, and goes after it, so that no configuration refers to nothing.
package keyfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"tollgate/config"
	"tollgate/internal/durable"
	"tollgate/internal/secret"
	"tollgate/internal/setting"
)

// The provider's access keys have 20 characters, its secret keys 40.
const (
	idPrefix     = "TG"
	idLength     = 20
	secretLength = 40
)

// Key is a key that was made.
type Key struct {
	Caller, ID string
	Secret     secret.String
	NotAfter   setting.NotAfter // zero: it does not end
}

// New returns a key: 90 bits of id, 200 bits of secret.
func New(caller string, notAfter setting.NotAfter) Key {
	id := idPrefix + rand.Text()
	return Key{Caller: caller, ID: id[:idLength], Secret: secret.New((rand.Text() + rand.Text())[:secretLength]), NotAfter: notAfter}
}

// SecretName returns the name of the file of the key's secret.
func (k *Key) SecretName() string { return k.Caller + "-" + k.ID + ".secret" }

// EntryName returns the name of the file of the key's entry.
func (k *Key) EntryName() string { return k.Caller + "-" + k.ID + ".yaml" }

// Entry returns the text that extends the caller by the key, whose secret is in a file.
func (k *Key) Entry(secretFile string) string {
	until := ""
	if k.NotAfter != 0 {
		until = ", not_after: " + k.NotAfter.String()
	}
	return fmt.Sprintf("# Made by `tollgate key new`. `tollgate key revoke %s` removes this file and that of the secret.\n"+
		"callers:\n  %s:\n    extends: true\n    auth: [{access_key: {id: %s, secret: {file: %s}%s}}]\n", k.ID, k.Caller, k.ID, quote(secretFile), until)
}

var plainPath = regexp.MustCompile(`^[A-Za-z0-9_./-]+$`)

func quote(path string) string {
	if plainPath.MatchString(path) {
		return path
	}
	return strconv.Quote(path)
}

// Files are the two files of a key.
type Files struct{ Entry, Secret string }

// FilesIn returns where the key's files are in a directory.
func (k *Key) FilesIn(dir string) Files {
	return Files{filepath.Join(dir, k.EntryName()), filepath.Join(dir, k.SecretName())}
}

// reference returns what a configuration in a folder calls a path.
func reference(dir, path string) string {
	if short, err := filepath.Rel(dir, path); err == nil && !strings.HasPrefix(short, "..") {
		return short
	}
	return path
}

// Write makes both files in a directory that a configuration includes, whose folder is main; or none of them.
func (k *Key) Write(main, dir string) (Files, error) {
	files := k.FilesIn(dir)
	if err := create(files.Secret, k.Secret.Reveal()+"\n"); err != nil {
		return files, fmt.Errorf("writing the secret: %w", err)
	}
	if err := create(files.Entry, k.Entry(reference(main, files.Secret))); err != nil {
		return files, errors.Join(fmt.Errorf("writing the entry: %w", err), files.Remove())
	}
	return files, nil
}

// create makes a file of mode 0600. One that root makes is that of the owner and group of its directory, as one of which the gateway runs.
func create(name, text string) error {
	if os.Geteuid() != 0 {
		return durable.CreateFile(name, text)
	}
	return durable.CreateFileWith(name, text, giveToOwner)
}

// Remove removes the entry and then the secret, as far as they are there.
func (f Files) Remove() error {
	for _, name := range []string{f.Entry, f.Secret} {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return durable.SyncDir(filepath.Dir(f.Entry))
}

// Made returns the files of a key that [Key.Write] made, and whose entry has not been edited since. Otherwise the error says what to do.
func Made(place *config.KeyPlace) (Files, error) {
	made := Key{Caller: place.Caller, ID: place.Key.ID, NotAfter: place.Key.NotAfter}
	files := made.FilesIn(filepath.Dir(place.File))
	text, err := os.ReadFile(place.File)
	if err != nil {
		return files, err
	}
	if files.Entry != place.File || string(text) != made.Entry(reference(place.Dir, files.Secret)) {
		return files, fmt.Errorf("key %s is at %s, which was written or changed by hand: remove it there, then run tollgate reload", made.ID, place.At)
	}
	return files, nil
}
