package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"tollgate/admin"
	"tollgate/catalog"
	"tollgate/freeze"
	"tollgate/internal/cli"
)

// complete has the shell complete the values of a flag that the command has.
func complete(cmd *cobra.Command, flag string, offer cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, offer); err != nil {
		panic(err) // the command has no such flag
	}
}

// firstArgument completes the first argument alone.
func firstArgument(offer cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return offer(cmd, args, typed)
	}
}

// askTime is how long a shell waits for a running gateway that is asked for values.
const askTime = 2 * time.Second

// askRunning asks the gateway that a command is about; what cannot be had is not offered.
func askRunning[T any](cmd *cobra.Command, ask func(*admin.Client, context.Context) (*T, error)) *T {
	running, err := runningGateway{}, error(nil)
	running.socket, _ = cmd.Flags().GetString("socket") // the commands that use it have both flags
	if running.file, _ = cmd.Flags().GetString("config"); running.file == "" && running.socket == "" {
		running.file, err = cli.ConfigFile()
	}
	if err != nil {
		return nil
	}
	client, err := running.client()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), askTime)
	defer cancel()
	answer, err := ask(client, ctx)
	if err != nil {
		return nil
	}
	return answer
}

// offerCalls completes the id of a call that holds an act.
func offerCalls(which admin.ActsRequest) cobra.CompletionFunc {
	return firstArgument(cli.Offer(func(cmd *cobra.Command) (found []cobra.Completion) {
		held := askRunning(cmd, func(c *admin.Client, ctx context.Context) (*admin.Acts, error) { return c.Acts(ctx, which) })
		if held == nil {
			return nil
		}
		for _, h := range held.Acts {
			found = append(found, cobra.CompletionWithDesc(h.Call, h.Act+" of "+h.Caller))
		}
		return found
	}))
}

// offerFreezes completes the ids of freezes that are in force.
func offerFreezes(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return cli.Offer(func(cmd *cobra.Command) (found []cobra.Completion) {
		inForce := askRunning(cmd, (*admin.Client).Freezes)
		if inForce == nil {
			return nil
		}
		for _, f := range inForce.Freezes {
			if !slices.Contains(args, f.ID) {
				found = append(found, cobra.CompletionWithDesc(f.ID, freeze.Subject{Kind: freeze.Kind(f.Kind), Name: f.Name}.String()))
			}
		}
		return found
	})(cmd, args, typed)
}

// offerFilters completes the words of catalog: those that compare exactly, and names of operations.
func offerFilters(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return cli.Offer(func(*cobra.Command) []cobra.Completion {
		found, words := map[string]bool{}, []cobra.Completion{}
		for _, o := range filterCatalog(args) {
			for _, word := range []string{"site:" + o.Site, "effect:" + o.Effect, "class:" + o.Class, o.Operation} {
				if !found[word] {
					found[word], words = true, append(words, word)
				}
			}
		}
		return words
	})(cmd, args, typed)
}

// offerCall completes the method and the path of a call, as the catalog has them.
func offerCall(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return cli.Offer(func(*cobra.Command) (found []cobra.Completion) {
		for _, site := range catalog.Sites() {
			for _, o := range catalog.Operations(site) {
				word := o.Method
				if len(args) > 0 {
					word = cobra.CompletionWithDesc(o.Path, o.Name)
				}
				if len(args) < 2 && (len(args) == 0 || args[0] == o.Method) && !slices.Contains(found, word) {
					found = append(found, word)
				}
			}
		}
		return found
	})(cmd, args, typed)
}
