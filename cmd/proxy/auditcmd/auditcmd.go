// Package auditcmd has the commands that read the audit log and prove what is in it.
package auditcmd

import (
	"github.com/spf13/cobra"

	"tollgate/internal/cli"
)

// Command returns the command audit, which holds the others.
func Command() *cobra.Command {
	return cli.Group("audit", "Read the audit log, and prove what is in it", append([]*cobra.Command{
		listCommand(), showCommand(), reportCommand(), recordsCommand(), tailCommand(), reindexCommand(), verifyCommand(), hashCommand(), planCommand(),
	}, proofCommands()...)...)
}
