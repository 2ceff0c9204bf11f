package reviewtest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"

	"tollgate/audit/checkpoint"
)

// key returns the nth signing key of a log, which is the same each time. It passes through a file, since a gateway takes keys from
// nowhere else.
func key(dir, name string, nth byte) *checkpoint.Key {
	seed := sha256.Sum256(append([]byte(name), nth))
	public := ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)
	const algorithm = 1 // Ed25519, see docs/audit-format.md
	hash := sha256.Sum256(append([]byte(name+"\n"), append([]byte{algorithm}, public...)...))
	text := fmt.Sprintf("PRIVATE+KEY+%s+%x+%s\n", name, hash[:4], base64.StdEncoding.EncodeToString(append([]byte{algorithm}, seed[:]...)))
	file := filepath.Join(dir, ".test.key")
	check(os.WriteFile(file, []byte(text), 0o600))
	k := must(checkpoint.LoadKey(file, nil))
	check(os.Remove(file))
	return k
}
