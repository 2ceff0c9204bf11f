package tlscmd

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tollgate/config"
	"tollgate/internal/certs"
	"tollgate/internal/cli"
)

func caCommand() *cobra.Command {
	var dir, file, listener string
	cmd := &cobra.Command{
		Use: "ca --dir DIR | --config FILE [--listener NAME]", Short: "Print the certificate of the internal authority, for clients to trust",
		Long: "Print the certificate (PEM) of the authority that issues a listener's internal certificates. Clients of that listener\n" +
			"need it among the authorities that they trust. The gateway makes the authority at its first start.",
		Example: "  tollgate tls ca --config /etc/tollgate/tollgate.yaml --listener central > ca.pem\n" +
			"  tollgate tls ca --dir /var/lib/tollgate/ca > ca.pem\n  curl --cacert ca.pem https://gateway.internal:8443/",
		Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case (dir == "") == (file == ""):
				return cli.UsageError("give one of --dir DIR and --config FILE")
			case listener != "" && file == "":
				return cli.UsageError("--listener needs --config FILE")
			case file != "":
				c, err := cli.LoadConfig(file, false)
				if err != nil {
					return err
				}
				if dir, err = authorityDir(c.Listeners, listener); err != nil {
					return err
				}
			}
			text, err := certs.AuthorityPEM(dir)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "`directory` of the internal authority")
	cli.ConfigFlag(cmd, &file, "dir")
	cmd.Flags().StringVar(&listener, "listener", "", "`name` of the listener; may be left out when all have one authority")
	return cmd
}

// authorityDir finds the directory of the authority of one listener, or of all.
func authorityDir(listeners []*config.Listener, name string) (string, error) {
	var names, dirs []string
	for _, l := range listeners {
		names = append(names, l.Name)
		if name == "" || l.Name == name {
			dirs = append(dirs, internalDirs(l)...)
		}
	}
	slices.Sort(dirs)
	dirs = slices.Compact(dirs)
	switch {
	case name != "" && !slices.Contains(names, name):
		return "", cli.UsageError("there is no listener %q; choose from %s", name, strings.Join(names, ", "))
	case len(dirs) > 1:
		return "", cli.UsageError("there are several authorities: choose one with --listener NAME or --dir DIR (%s)", strings.Join(dirs, ", "))
	case len(dirs) == 0 && name != "":
		return "", fmt.Errorf("listener %s has no internal certificate", name)
	case len(dirs) == 0:
		return "", errors.New("no listener has an internal certificate")
	}
	return dirs[0], nil
}

func internalDirs(l *config.Listener) (dirs []string) {
	if l.TLS == nil {
		return nil
	}
	for _, c := range l.TLS.Certificates {
		if c.Internal != nil {
			dirs = append(dirs, c.Internal.Dir)
		}
	}
	return dirs
}
