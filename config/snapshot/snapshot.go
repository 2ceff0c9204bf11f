// Package snapshot writes a configuration as canonical JSON without secrets, the text of a plan, and says in words how two of them differ.
//
// # Text
//
// The text is one JSON object on one line. Its members, at every depth, are sorted by name and have the names and meanings of the keys of
// the configuration file. Settings that the file leaves out have their defaults. A member that would be empty, zero or false is left out.
// Values that are one text in the file (durations, sizes, addresses, rates) are that text, in its shortest exact form. Lists of the file that
// have names of their own, such as listeners, are objects by name, and paths are absolute. So equal configurations have equal texts, wherever
// their files are and however they are written. Beside the keys of the file there are
//
//   - version: of this format, [Version];
//   - catalog: which operations this program knows ([catalog.ID]), for grants name them by patterns too;
//   - tls_policies: of each policy that exists, the built-in ones included, what it comes to in this program;
//   - tls_suites: those of TLS 1.3, of which a process has one list for all policies;
//   - generation, in each credential: which keys are in use (see [Generation]); not in the text of a configuration that does not run.
//
// Of a secret the text has the place, never the value nor a hash of it.
package snapshot

import (
	"crypto/sha256"
	"encoding/hex"

	"tollgate/config"
)

// Version is that of the format.
const Version = 1

// IDLength is how many of the digits of an id records have.
const IDLength = 16

// Generation says which keys of a credential are in use: the access key, and the number of the set among those that the gateway has read
// since it started. The number changes where a secret key is replaced and the access key stays.
type Generation struct {
	AccessKey string `yaml:"access_key"`
	Number    int    `yaml:"number"`
}

// Of returns the text of a configuration, with the keys in use of its credentials by name; nil where none are.
func Of(c *config.Config, generations map[string]Generation) []byte {
	w := newWriter(c.Dir, 8<<10+len(c.Callers)<<8) // about what they take
	w.document(c, generations)
	return w.text
}

// ID returns the id of a text: its SHA-256 in hex.
func ID(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
