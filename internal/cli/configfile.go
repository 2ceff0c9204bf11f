package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"tollgate/config"
	"tollgate/internal/osfile"
)

const (
	// EnvConfig is the environment variable that names the configuration file, for commands without --config.
	EnvConfig = "TOLLGATE_CONFIG"
	// DefaultConfig is the configuration file in the working directory, for commands without --config and [EnvConfig].
	DefaultConfig = "tollgate.yaml"
)

// ConfigFile returns the configuration file that a command reads without --config: that of [EnvConfig], else [DefaultConfig] in the working
// directory, if it is there; "" if there is none. A working directory may belong to anyone: a file there is refused unless root or the user of
// the process owns it, and no other directory is searched.
func ConfigFile() (string, error) {
	if file := os.Getenv(EnvConfig); file != "" {
		return file, nil
	}
	for _, look := range []func(string) (fs.FileInfo, error){os.Lstat, os.Stat} { // a link of another user leads where that user wants
		info, err := look(DefaultConfig)
		if errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("looking for the configuration: %w", err)
		}
		if owner, ok := osfile.OwnerOf(info); ok && owner.UID != 0 && owner.UID != os.Geteuid() {
			return "", UsageError("./%s belongs to another user (uid %d), so it is read only when it is named: --config %s", DefaultConfig, owner.UID, DefaultConfig)
		}
	}
	return DefaultConfig, nil
}

// ConfigFlag adds the flag --config of a command that needs a configuration. Before the command runs, file becomes what [ConfigFile] finds,
// unless one of the flags other is given, which make it needless.
func ConfigFlag(cmd *cobra.Command, file *string, other ...string) {
	OptionalConfigFlag(cmd, file, "configuration `file` (default: $"+EnvConfig+", or ./"+DefaultConfig+")")
	before(cmd, func(cmd *cobra.Command) (err error) {
		if !anyChanged(cmd, append([]string{"config"}, other...)) {
			*file, err = ConfigFile()
		}
		return err
	})
}

// OptionalConfigFlag adds the flag --config of a command that can do without.
func OptionalConfigFlag(cmd *cobra.Command, file *string, usage string) {
	cmd.Flags().StringVarP(file, "config", "c", "", usage)
}

// NeedConfig returns a usage error if there is no configuration file.
func NeedConfig(file string) error {
	if file != "" {
		return nil
	}
	return UsageError("a configuration file is needed: --config FILE, or the variable %s; there is no ./%s", EnvConfig, DefaultConfig)
}

// LoadConfig reads a configuration file, with what its secrets refer to or without. Its problems are printed as they are: each has its
// place and excerpt.
func LoadConfig(file string, secrets bool) (*config.Config, error) {
	if err := NeedConfig(file); err != nil {
		return nil, err
	}
	return config.Load(file, config.Options{Secrets: secrets})
}
