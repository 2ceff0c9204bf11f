package main

import (
	"github.com/spf13/cobra"

	"tollgate/internal/cli"
)

func auditCommand() *cobra.Command {
	return cli.Group("audit", "Read the audit log, and prove what is in it", append([]*cobra.Command{
		auditListCommand(), auditShowCommand(), auditReportCommand(), auditRecordsCommand(), auditTailCommand(), auditReindexCommand(), auditVerifyCommand(),
	}, proofCommands()...)...)
}
