package config

import (
	"fmt"

	"tollgate/caller"
)

// KeyPlace is where an access key of a caller stands.
type KeyPlace struct {
	Dir    string // that paths in references are relative to
	Caller string
	Key    caller.VirtualKey
	File   string // its path
	At     string // "callers.d/billing.yaml:3", as the configuration was named
}

// FindKey returns where an access key stands in the files of a configuration, which may have problems elsewhere: a key can be revoked all
// the same. Nil: nowhere.
func FindKey(path, id string) (*KeyPlace, error) {
	b, err := read(path, Options{})
	if err != nil {
		return nil, err
	}
	b.addParts("", b.config.File, b.file.Callers)
	b.include()
	for _, part := range b.callerParts {
		for i, way := range part.Auth {
			if way.AccessKey != nil && way.AccessKey.ID == id {
				at := b.Place(fmt.Sprintf("%s.auth[%d]", part.path, i))
				return &KeyPlace{b.dir, part.name, *way.AccessKey, part.file, at}, nil
			}
		}
	}
	return nil, b.Err()
}
