package main

import (
	"github.com/spf13/cobra"
)

func auditCommand() *cobra.Command {
	return group("audit", "Read the audit log, and prove what is in it", append([]*cobra.Command{
		auditListCommand(), auditShowCommand(), auditReportCommand(), auditRecordsCommand(), auditTailCommand(), auditReindexCommand(), auditVerifyCommand(),
	}, proofCommands()...)...)
}
