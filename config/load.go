package config

import (
	"errors"
	"fmt"
	"path/filepath"

	"tollgate/config/strictyaml"
	"tollgate/internal/private"
	"tollgate/internal/setting"
)

// Options say how a configuration is read.
type Options struct {
	// Secrets says that the secrets, certificates and keys that the file refers to are read, to check them. They are not kept.
	Secrets bool
	// LookupEnv finds environment variables; nil means os.LookupEnv.
	LookupEnv setting.LookupEnv
	// Allowed reports whether the process may use a file at a path, absolute, or write to it. A configuration that names another one is
	// refused. Nil means all.
	Allowed func(path string, write bool) bool
}

// Load reads the configuration file at path, with those that it includes; relative paths in all of them are relative to its folder. If
// the file can be read but is wrong, the error is a [*strictyaml.Errors] with all problems.
func Load(path string, o Options) (*Config, error) {
	b, err := read(path, o)
	if err != nil {
		return nil, err
	}
	return b.made()
}

// read reads the configuration file at path.
func read(path string, o Options) (*builder, error) {
	source, err := private.Read(path, strictyaml.MaxFile)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return parse(path, source, dir, o)
}

// Parse reads a configuration from memory, but for what it includes. The name stands in errors; dir is what relative paths are relative to.
// The error is a [*strictyaml.Errors].
func Parse(name string, text []byte, dir string, o Options) (*Config, error) {
	b, err := parse(name, text, dir, o)
	if err != nil {
		return nil, err
	}
	return b.made()
}

func parse(name string, text []byte, dir string, o Options) (b *builder, err error) {
	b = newBuilder(name, dir, o)
	b.config.File = filepath.Join(dir, filepath.Base(name))
	b.config.Files = []string{b.config.File}
	b.Document, err = strictyaml.Decode(name, text, &b.file)
	return b, err
}

// made returns the configuration that the file comes to.
func (b *builder) made() (*Config, error) {
	b.build()
	if err := b.Err(); err != nil {
		return nil, err
	}
	return b.config, nil
}

// leaves are the causes that an error was joined and wrapped from, for packages whose wrapping only says where.
func leaves(err error) []error {
	var many interface{ Unwrap() []error }
	if errors.As(err, &many) {
		var found []error
		for _, e := range many.Unwrap() {
			found = append(found, leaves(e)...)
		}
		return found
	}
	if cause := errors.Unwrap(err); cause != nil {
		return leaves(cause)
	}
	return []error{err}
}
