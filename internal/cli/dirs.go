package cli

import "github.com/spf13/cobra"

// DirsFlag adds the flag --dir of a command that reads several audit logs, and --config as [DirFlag] does. Without --dir, and without any of
// the flags other, dirs becomes the one directory that [DirFlag] finds.
func DirsFlag(cmd *cobra.Command, dirs *[]string, other ...string) {
	flags := cmd.Flags()
	flags.StringArrayVar(dirs, "dir", nil, "audit `directory`, may be repeated (default: audit.dir of --config, or $"+EnvAuditDir+")")
	OptionalConfigFlag(cmd, new(string), "take the audit directory from this configuration `file` (default: $"+EnvConfig+", or ./"+DefaultConfig+")")
	before(cmd, func(cmd *cobra.Command) error {
		if anyChanged(cmd, append([]string{"dir"}, other...)) {
			return nil
		}
		dir, err := auditDir(cmd)
		if dir != "" {
			*dirs = []string{dir}
		}
		return err
	})
}
