package acme

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/caddyserver/certmagic"

	"tollgate/internal/certs"
)

// storage keeps certificates with keys of each kind apart, while sources for both share accounts, challenges and locks: only
// one of them at a time may ask for a name, since certmagic finds a challenge by the name alone.
type storage struct {
	*certmagic.FileStorage                        // what is common
	certificates           *certmagic.FileStorage // of one kind
}

func newStorage(dir string, key certs.ACMEKey) storage {
	return storage{&certmagic.FileStorage{Path: dir}, &certmagic.FileStorage{Path: filepath.Join(dir, string(key))}}
}

// keyFiles are where certmagic keeps private keys below the directory: of accounts, and of certificates of each kind.
var keyFiles = []string{"acme/*/users/*/*.key", "*/certificates/*/*/*.key"}

func (s storage) of(key string) *certmagic.FileStorage {
	if strings.HasPrefix(key, "certificates") {
		return s.certificates
	}
	return s.FileStorage
}

func (s storage) Store(ctx context.Context, key string, value []byte) error {
	return s.of(key).Store(ctx, key, value)
}

func (s storage) Load(ctx context.Context, key string) ([]byte, error) {
	return s.of(key).Load(ctx, key)
}

func (s storage) Delete(ctx context.Context, key string) error { return s.of(key).Delete(ctx, key) }

func (s storage) Exists(ctx context.Context, key string) bool { return s.of(key).Exists(ctx, key) }

func (s storage) List(ctx context.Context, prefix string, recursive bool) ([]string, error) {
	return s.of(prefix).List(ctx, prefix, recursive)
}

func (s storage) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	return s.of(key).Stat(ctx, key)
}
