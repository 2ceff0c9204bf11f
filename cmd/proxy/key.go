package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tollgate/admin"
	"tollgate/config"
	"tollgate/config/keyfile"
	"tollgate/internal/cli"
	"tollgate/internal/nearest"
	"tollgate/internal/setting"
)

func keyCommand() *cobra.Command {
	return cli.Group("key", "Make, list and revoke the virtual keys of callers", keyNewCommand(), keyListCommand(), keyRevokeCommand())
}

type keyNewFlags struct {
	file, caller, expires, dir string
	json                       bool
}

func keyNewCommand() *cobra.Command {
	var f keyNewFlags
	cmd := &cobra.Command{
		Use: "new --caller NAME [--config FILE]", Short: "Make a virtual key of a caller, and have the running gateway take it",
		Long: "Make a virtual key of a caller: a secret (mode 0600) and an entry that adds the key to the caller, in files of their own in a\n" +
			"directory that the configuration includes. The running gateway is asked to reload; if it refuses, both files are removed. Without\n" +
			"such a directory the entry is printed, to be put where the caller is defined. The secret is printed once. Run it as the user that\n" +
			"the gateway runs as. What root makes is that of the directory's owner; in a directory of root's that only a group may read (0750), that\n" +
			"group may read it.",
		Example: "  tollgate key new --caller billing-app --expires 90d --config /etc/tollgate/tollgate.yaml",
		Args:    cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			made, err := f.make(cmd.Context(), time.Now())
			if err != nil {
				return err
			}
			if f.json {
				return cli.PrintJSON(cmd.OutOrStdout(), made)
			}
			return made.print(cmd.OutOrStdout())
		},
	}
	cli.ConfigFlag(cmd, &f.file)
	flags := cmd.Flags()
	flags.StringVar(&f.caller, "caller", "", "`name` of the caller (required)")
	flags.StringVar(&f.expires, "expires", "", "`duration` for which the key may be used: 90d, 12h (default: it does not end)")
	flags.StringVar(&f.dir, "dir", "", "`directory` for the files, of those that the configuration includes (default: the first)")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

// newKey is a key that was made, as it is printed.
type newKey struct {
	Caller     string `json:"caller"`
	ID         string `json:"id"`
	Secret     string `json:"secret"`
	NotAfter   string `json:"not_after,omitempty"`
	File       string `json:"file,omitempty"` // of the entry
	SecretFile string `json:"secret_file"`
	Entry      string `json:"entry,omitempty"`   // to be put into the configuration, if it is in no file
	Running    string `json:"running,omitempty"` // what the running gateway does with it
}

func (f *keyNewFlags) make(ctx context.Context, now time.Time) (*newKey, error) {
	c, err := cli.LoadConfig(f.file, false)
	if err != nil {
		return nil, err
	}
	if err := checkCaller(c, f.caller); err != nil {
		return nil, err
	}
	notAfter, err := f.notAfter(now)
	if err != nil {
		return nil, err
	}
	dir, err := f.directory(c)
	if err != nil {
		return nil, err
	}
	key := keyfile.New(f.caller, notAfter)
	made := &newKey{Caller: key.Caller, ID: key.ID, Secret: key.Secret.Reveal(), NotAfter: key.NotAfter.String()}
	if dir == "" {
		made.SecretFile = key.SecretName()
		made.Entry = key.Entry(made.SecretFile)
		return made, nil
	}
	files, err := key.Write(c.Dir, dir)
	if err != nil {
		return nil, err
	}
	made.File, made.SecretFile = files.Entry, files.Secret
	if made.Running, err = f.take(ctx, key.ID); err != nil {
		return nil, errors.Join(fmt.Errorf("no key was made: %w", err), files.Remove())
	}
	return made, nil
}

// take has the running gateway reload, and returns what it does with the key.
func (f *keyNewFlags) take(ctx context.Context, id string) (string, error) {
	if _, err := cli.LoadConfig(f.file, false); err != nil {
		return "", err
	}
	return reloadFor(ctx, f.file, id, true)
}

// checkCaller refuses a name that the configuration does not have.
func checkCaller(c *config.Config, name string) error {
	var names []string
	for _, known := range c.Callers {
		names = append(names, known.Name)
	}
	switch {
	case name == "":
		return cli.UsageError("--caller is needed: the name of a caller; %s", nearest.List(names))
	case !slices.Contains(names, name):
		return cli.UsageError("unknown caller %q; %s", name, nearest.Suggest(name, names))
	}
	return nil
}

func (f *keyNewFlags) notAfter(now time.Time) (setting.NotAfter, error) {
	if f.expires == "" {
		return 0, nil
	}
	var after setting.Duration
	if err := after.UnmarshalText([]byte(f.expires)); err != nil {
		return 0, cli.UsageError("--expires: %w", err)
	}
	if after < setting.Duration(time.Second) {
		return 0, cli.UsageError("--expires: the key would have ended already")
	}
	var notAfter setting.NotAfter
	if err := notAfter.UnmarshalText([]byte(now.Add(time.Duration(after)).UTC().Format(time.RFC3339))); err != nil {
		return 0, cli.UsageError("--expires: %w", err)
	}
	return notAfter, nil
}

// directory returns where the files are to be; "" if the configuration includes no directory.
func (f *keyNewFlags) directory(c *config.Config) (string, error) {
	switch {
	case f.dir == "" && len(c.Dirs) == 0:
		return "", nil
	case f.dir == "":
		return c.Dirs[0], nil
	}
	for _, dir := range c.Dirs {
		if sameFile(dir, f.dir) {
			return dir, nil
		}
	}
	return "", cli.UsageError("--dir %s: the configuration does not include this directory; %s", f.dir, nearest.List(c.Dirs))
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

func (k *newKey) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "key of caller %s\n  id      %s\n  secret  %s   (it is not shown again)\n", k.Caller, k.ID, k.Secret)
	if k.NotAfter != "" {
		fmt.Fprintf(&b, "  until   %s\n", k.NotAfter)
	}
	if k.Entry != "" {
		fmt.Fprintf(&b, "\nThe configuration includes no directory for it. Put the secret into %s beside the configuration, mode 0600, and add the\n"+
			"auth of this entry to the caller's (or set include: [callers.d], and put the entry into a file there):\n\n%s", k.SecretFile, k.Entry)
	} else {
		fmt.Fprintf(&b, "  entry   %s\n  in      %s   (the secret)\n\n%s\n", k.File, k.SecretFile, k.Running)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// reloadFor has the running gateway reload, if one runs, and asks it whether it takes a key, which it should or should not. It is an error
// if one may go on to take a key that it should not.
func reloadFor(ctx context.Context, file, id string, should bool) (string, error) {
	client, err := admin.Find(file)
	if err == nil {
		_, err = client.Reload(ctx, false)
	}
	if refused, ok := errors.AsType[*admin.Error](err); ok {
		return "", fmt.Errorf("the running gateway refused to reload: %w", refused)
	}
	switch {
	case err != nil && (should || errors.Is(err, admin.ErrNotRunning)):
		return "No running gateway was asked: " + err.Error(), nil
	case err != nil:
		return "", fmt.Errorf("no running gateway was asked: %w", err)
	}
	answer, err := client.Keys(ctx, id)
	switch {
	case err != nil:
		return "", fmt.Errorf("the gateway has reloaded, but does not say which keys it takes: %w", err)
	case should != (len(answer.Keys) > 0):
		return "", fmt.Errorf("the gateway has reloaded, but its keys are not those of the files: does it run %s?", file)
	case should:
		return "The running gateway takes it.", nil
	}
	return "The running gateway refuses it.", nil
}

func keyRevokeCommand() *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "revoke ID [--config FILE]", Short: "Remove a virtual key that key new made, and have the running gateway refuse it",
		Long: "Remove the files of a virtual key that `tollgate key new` made, and have the running gateway reload: from then on it refuses the\n" +
			"key, on open connections too. A key that stands in a file of yours is left alone: the command names file and line, and fails.",
		Example: "  tollgate key revoke TGK3XO6WZHLQ2M7P5ADV --config /etc/tollgate/tollgate.yaml",
		Args:    cli.ExactArgs("ID"), ValidArgsFunction: firstArgument(cli.OfferNames("key")),
		RunE: func(cmd *cobra.Command, args []string) error {
			gone, err := revoke(cmd.Context(), file, args[0])
			if err != nil {
				return err
			}
			return printAs(cmd.OutOrStdout(), asJSON, gone, func(w io.Writer, k *revokedKey) error {
				_, err := fmt.Fprintf(w, "key %s of caller %s is removed. %s\n", k.ID, k.Caller, k.Running)
				return err
			})
		},
	}
	cli.ConfigFlag(cmd, &file)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// revokedKey is a key that was removed, as it is printed.
type revokedKey struct {
	Caller  string `json:"caller"`
	ID      string `json:"id"`
	Running string `json:"running"` // what the running gateway does with it
}

func revoke(ctx context.Context, file, id string) (*revokedKey, error) {
	if err := cli.NeedConfig(file); err != nil {
		return nil, err
	}
	place, err := config.FindKey(file, id)
	if err != nil {
		return nil, err
	}
	if place == nil {
		return nil, fmt.Errorf("there is no key %s in %s and the files that it includes", id, file)
	}
	files, err := keyfile.Made(place)
	if err != nil {
		return nil, err
	}
	if err := files.Remove(); err != nil {
		return nil, err
	}
	text, err := reloadFor(ctx, file, id, false)
	if err != nil {
		return nil, fmt.Errorf("the files of key %s are removed, but the key may still be taken: have the gateway reload (SIGHUP), or freeze caller %s\n%w", id, place.Caller, err)
	}
	return &revokedKey{place.Caller, id, text}, nil
}
