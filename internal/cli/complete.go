package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/catalog"
	"tollgate/config"
	"tollgate/internal/text"
	"tollgate/tlspolicy"
)

// Complete has the shell complete the values of the flags of a command and of all below it: flags of files by files, the flags that are named
// in values or known to this package by their values, and others by nothing. What a command has registered itself stays.
func Complete(root *cobra.Command, values map[string]cobra.CompletionFunc) {
	all := known()
	maps.Copy(all, values)
	complete(root, all)
}

func complete(cmd *cobra.Command, values map[string]cobra.CompletionFunc) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if _, registered := cmd.GetFlagCompletionFunc(f.Name); registered || f.Value.Type() == "bool" {
			return
		}
		if offer := completionOf(f, values); offer != nil {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, offer) // the flag is there
		}
	})
	takesNone := cmd.Args != nil && cmd.Args(cmd, []string{"x"}) != nil
	if cmd.ValidArgsFunction == nil && takesNone && !cmd.HasSubCommands() {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	for _, sub := range cmd.Commands() {
		complete(sub, values)
	}
}

// completionOf returns what completes a flag; nil: files.
func completionOf(f *pflag.Flag, values map[string]cobra.CompletionFunc) cobra.CompletionFunc {
	if offer := values[f.Name]; offer != nil {
		return offer
	}
	switch kind, _ := pflag.UnquoteUsage(f); kind {
	case "directory", "folder":
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
	case "file", "path", "archive":
		if f.Name == "config" {
			return cobra.FixedCompletions([]cobra.Completion{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt)
		}
		return nil
	}
	return cobra.NoFileCompletions
}

// maxOffered bounds how many values a shell is offered.
const maxOffered = 1000

// Offer returns what completes a value by those that find returns.
func Offer(find func(*cobra.Command) []cobra.Completion) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) (offered []cobra.Completion, _ cobra.ShellCompDirective) {
		for _, one := range find(cmd) {
			if strings.HasPrefix(one, typed) && len(offered) < maxOffered {
				value, description, _ := strings.Cut(one, "\t")
				offered = append(offered, cobra.CompletionWithDesc(text.Printable(value, '?'), text.Printable(description, '?')))
			}
		}
		return offered, cobra.ShellCompDirectiveNoFileComp
	}
}

// OfferOf is [Offer] of values that are always the same.
func OfferOf(values ...string) cobra.CompletionFunc {
	return Offer(func(*cobra.Command) []cobra.Completion { return values })
}

// known returns what completes the flags that mean the same in all commands, by their names.
func known() map[string]cobra.CompletionFunc {
	age := OfferOf("1h", "24h", "7d", "30d", "90d")
	all := map[string]cobra.CompletionFunc{
		"caller": OfferNames("caller"), "credential": OfferNames("credential"), "listener": OfferNames("listener"), "upstream": OfferNames("upstream"),
		"policy": Offer(policies), "operation": Offer(operations), "kind": OfferOf(logfile.Kinds...), "event": OfferOf(texts(logfile.EventCodes())...),
		"by": OfferOf(texts(calls.Dimensions)...), "currency": OfferOf("CNY", "USD"), "format": OfferOf(AsTable, AsJSON, AsCSV),
		"last": age, "since": age, "expires": age, "month": OfferOf(months(time.Now())...),
		"zone": OfferOf("UTC", "Asia/Shanghai", "Asia/Hong_Kong", "Asia/Singapore", "Europe/Berlin", "Europe/London", "America/New_York", "America/Sao_Paulo"),
	}
	for _, p := range calls.Params {
		if p.Kind == calls.ParamChoice {
			all[p.Name] = OfferOf(p.Choices...)
		}
	}
	return all
}

// OfferNames returns what completes the name of a caller, credential, listener, upstream or cap, or the id of a virtual key, of the configuration.
func OfferNames(kind string) cobra.CompletionFunc {
	return Offer(func(cmd *cobra.Command) []cobra.Completion { return names(configured(cmd), kind) })
}

// configured returns the configuration that a command would read, without secrets; nil if there is none, or a bad one.
func configured(cmd *cobra.Command) *config.Config {
	file, err := "", error(nil)
	if flag := cmd.Flags().Lookup("config"); flag != nil && flag.Changed {
		file = flag.Value.String()
	} else {
		file, err = ConfigFile()
	}
	if err != nil || file == "" {
		return nil
	}
	c, err := config.Load(file, config.Options{})
	if err != nil {
		return nil
	}
	return c
}

// names returns the names that a configuration has of a kind of things.
func names(c *config.Config, kind string) (all []cobra.Completion) {
	if c == nil {
		return nil
	}
	switch kind {
	case "caller":
		for _, one := range c.Callers {
			all = append(all, one.Name)
		}
	case "credential":
		for _, one := range c.Credentials {
			all = append(all, cobra.CompletionWithDesc(one.Name, one.Class.String()))
		}
	case "listener":
		for _, one := range c.Listeners {
			all = append(all, one.Name)
		}
	case "cap":
		for _, one := range c.Spend.Caps {
			all = append(all, one.Name)
		}
	case "key":
		for _, one := range c.Callers {
			for _, way := range one.Auth {
				if way.AccessKey != nil {
					all = append(all, cobra.CompletionWithDesc(way.AccessKey.ID, one.Name))
				}
			}
		}
	case "upstream":
		for _, one := range c.Upstreams {
			all = append(all, one.Name)
		}
	}
	return all
}

// policies returns the names of the TLS policies of the program and of the configuration.
func policies(cmd *cobra.Command) (all []string) {
	for _, p := range tlspolicy.All() {
		all = append(all, p.Name())
	}
	if c := configured(cmd); c != nil {
		known, err := c.Policies()
		for name := range known {
			if err == nil && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	slices.Sort(all)
	return all
}

// PolicyArgs completes the name of a TLS policy, of commands that take one.
func PolicyArgs(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return Offer(policies)(cmd, args, typed)
}

// operations returns the names of the operations of all sites, each once.
func operations(*cobra.Command) []cobra.Completion {
	titles := map[string]string{}
	for _, site := range catalog.Sites() {
		for _, o := range catalog.Operations(site) {
			titles[o.Name] = o.Title
		}
	}
	var all []string
	for name, title := range titles {
		all = append(all, cobra.CompletionWithDesc(name, title))
	}
	slices.Sort(all)
	return all
}

func texts[T ~string](values []T) (all []string) {
	for _, one := range values {
		all = append(all, string(one))
	}
	return all
}

// months returns the values of --month for the year that ends now.
func months(now time.Time) []string {
	all := []string{"last", "this"}
	for back := range 12 {
		all = append(all, time.Date(now.Year(), now.Month()-time.Month(back), 1, 0, 0, 0, 0, time.UTC).Format("2006-01"))
	}
	return all
}

// shells are those that [CompletionCommand] has a script for, with where its output belongs.
var shells = []struct {
	name, place string
	write       func(*cobra.Command, *cobra.Command) error
}{
	{"bash", "/etc/bash_completion.d/tollgate (with the package bash-completion)",
		func(root, cmd *cobra.Command) error { return root.GenBashCompletionV2(cmd.OutOrStdout(), true) }},
	{"zsh", "a file _tollgate in a directory of $fpath, such as /usr/local/share/zsh/site-functions",
		func(root, cmd *cobra.Command) error { return root.GenZshCompletion(cmd.OutOrStdout()) }},
	{"fish", "~/.config/fish/completions/tollgate.fish",
		func(root, cmd *cobra.Command) error { return root.GenFishCompletion(cmd.OutOrStdout(), true) }},
}

// CompletionCommand returns the command that prints the script by which a shell completes the command line.
func CompletionCommand() *cobra.Command {
	long := "Print the script by which a shell completes commands, flags and their values: names of callers and credentials of the\n" +
		"configuration (no secret is read), operations, outcomes, months. Put it here, and open a new shell:\n"
	var known []string
	for _, shell := range shells {
		known = append(known, shell.name)
		long += fmt.Sprintf("\n  %-5s %s", shell.name, shell.place)
	}
	return &cobra.Command{
		Use: "completion " + strings.Join(known, "|"), Short: "Print the script by which a shell completes commands, flags and values", Long: long,
		Example: "  tollgate completion bash > /etc/bash_completion.d/tollgate\n  source <(tollgate completion bash)   # for this shell alone",
		Args:    ExactArgs("SHELL"), ValidArgsFunction: OfferOf(known...),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, shell := range shells {
				if shell.name == args[0] {
					return shell.write(cmd.Root(), cmd)
				}
			}
			return UsageError("no completion for %q; choose from %s", args[0], strings.Join(known, ", "))
		},
	}
}
