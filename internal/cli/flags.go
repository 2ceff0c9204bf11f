package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"tollgate/config"
)

// EnvAuditDir is the environment variable that names the directory of the audit log, for commands without --dir and --config.
const EnvAuditDir = "TOLLGATE_AUDIT_DIR"

// DirWays says in errors and help how a command is to find the audit log.
const DirWays = "--dir DIR, --config FILE, the variable " + EnvAuditDir + ", the variable " + EnvConfig + ", or ./" + DefaultConfig

// DirFlag adds the flags --dir and, unless the command has it, --config, by which a command finds the directory of an audit log. Before the
// command runs, dir becomes the first of: --dir, audit.dir of --config, [EnvAuditDir], audit.dir of the file that [ConfigFile] finds. It stays
// empty if there is none of them, or if one of the flags other is given, which name another place.
//
// Where the directory comes from a configuration, that becomes the value of --config.
func DirFlag(cmd *cobra.Command, dir *string, other ...string) {
	flags := cmd.Flags()
	flags.StringVar(dir, "dir", "", "audit `directory` (default: audit.dir of --config, or $"+EnvAuditDir+")")
	if flags.Lookup("config") == nil {
		OptionalConfigFlag(cmd, new(string), "take the audit directory from this configuration `file` (default: $"+EnvConfig+", or ./"+DefaultConfig+")")
	}
	before(cmd, func(cmd *cobra.Command) (err error) {
		if !anyChanged(cmd, append([]string{"dir"}, other...)) {
			*dir, err = auditDir(cmd)
		}
		return err
	})
}

// auditDir returns the directory of the audit log that a command is to read without --dir.
func auditDir(cmd *cobra.Command) (string, error) {
	given := cmd.Flags().Lookup("config")
	if dir := os.Getenv(EnvAuditDir); dir != "" && !given.Changed {
		return dir, nil
	}
	file, err := given.Value.String(), error(nil)
	if !given.Changed {
		file, err = ConfigFile()
	}
	if err != nil || file == "" {
		return "", err
	}
	if err := given.Value.Set(file); err != nil {
		return "", err
	}
	return config.LoadAuditDir(file)
}

// CheckDir returns an error unless dir is a directory, so that a wrong path is not taken for an empty log.
func CheckDir(dir string) error {
	if dir == "" {
		return UsageError("the audit directory is needed: %s", DirWays)
	}
	origin := ""
	if dir == os.Getenv(EnvAuditDir) {
		origin = " of " + EnvAuditDir // which may be left of something that is gone
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("audit directory%s: %w", origin, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("audit directory%s: %s is not a directory", origin, dir)
	}
	return nil
}

// before has a function called before a command runs.
func before(cmd *cobra.Command, do func(*cobra.Command) error) {
	after := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if err := do(cmd); err != nil || after == nil {
			return err
		}
		return after(cmd, args)
	}
}

func anyChanged(cmd *cobra.Command, flags []string) bool {
	for _, name := range flags {
		if cmd.Flags().Changed(name) {
			return true
		}
	}
	return false
}
