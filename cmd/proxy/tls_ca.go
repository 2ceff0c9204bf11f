package main

import (
	"github.com/spf13/cobra"

	"tollgate/internal/certs"
)

func tlsCACommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "ca --dir DIR", Short: "Print the certificate of the internal authority, for clients to trust",
		Long: "Print the certificate (PEM) of the authority that issues a listener's internal certificates. Clients of that listener\n" +
			"need it among the authorities that they trust. The gateway makes the authority at its first start.",
		Example: "  tollgate tls ca --dir /var/lib/tollgate/ca > ca.pem\n  curl --cacert ca.pem https://gateway.internal:8443/",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return usageError("a directory is needed: --dir DIR")
			}
			text, err := certs.AuthorityPEM(dir)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "`directory` of the internal authority (required)")
	return cmd
}
