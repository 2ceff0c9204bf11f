// Package reviewcmd is the command that serves the review pages of logs on this machine.
package reviewcmd

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"tollgate/audit/store"
	"tollgate/internal/cli"
	"tollgate/review"
	"tollgate/review/evidence"
	"tollgate/review/session"
)

// Command returns the command.
func Command() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "review --dir DIR", Short: "Serve pages on this machine, for people who review an audit log", Args: cli.ExactArgs(), Example: "  tollgate review --dir /var/lib/tollgate/audit",
		RunE: func(cmd *cobra.Command, _ []string) error {
			l := &evidence.Log{Name: "log", FS: os.DirFS(dir), Dir: dir}
			if x := store.New(dir, ""); x.Exists() {
				l.Index = x
			}
			inner, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "http://%s/\n", inner.Addr())
			s := review.New(review.Config{Logs: evidence.Logs{l}, Zone: time.UTC, Clock: time.Now, Hosts: []string{"127.0.0.1", "localhost"}, Door: open{}})
			server := http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second}
			return server.Serve(inner)
		},
	}
	cli.DirFlag(cmd, &dir)
	return cmd
}

type open struct{}

func (open) Who(*http.Request) *session.Person { return &session.Person{Name: "reviewer"} }
