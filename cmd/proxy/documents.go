//go:build documents

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"tollgate/internal/cli"
)

// main writes the man pages of all commands, and what shells complete by, into a folder: documents FOLDER DATE. It takes the place of the
// program's under the build tag documents, which keeps the libraries that it needs out of the program.
func main() {
	if err := writeDocuments(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(cli.ExitFailure)
	}
}

func writeDocuments(dir, day string) error {
	date, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return err
	}
	root := commandsOn("linux")
	if err := writeCompletions(root, filepath.Join(dir, "completions")); err != nil {
		return err
	}
	return writeManual(root, filepath.Join(dir, "man"), date)
}

func writeCompletions(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, write := range map[string]func(string) error{
		"tollgate.bash": func(file string) error { return root.GenBashCompletionFileV2(file, true) },
		"_tollgate":     root.GenZshCompletionFile,
		"tollgate.fish": func(file string) error { return root.GenFishCompletionFile(file, true) },
	} {
		if err := write(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func writeManual(root *cobra.Command, dir string, date time.Time) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	asMarkdown(root)
	return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Date: &date, Source: "Tollgate " + programVersion(), Manual: "Tollgate"}, dir)
}

// escaped has what means something in Markdown stand for itself. In the usage of a flag the name of its value stands between backquotes.
var escaped = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `_`, `\_`, `<`, `\<`, `[`, `\[`, `~`, `\~`)

// asMarkdown changes the texts of a command, and of those below it, into Markdown, of which package doc makes man pages.
func asMarkdown(cmd *cobra.Command) {
	cmd.DisableAutoGenTag = true // it names the library
	cmd.Use, cmd.Short, cmd.Long = escaped.Replace(cmd.Use), escaped.Replace(cmd.Short), markdown(cmd.Long)
	for _, flags := range []*pflag.FlagSet{cmd.Flags(), cmd.PersistentFlags()} {
		flags.VisitAll(func(f *pflag.Flag) { f.Usage = escaped.Replace(f.Usage) })
	}
	for _, sub := range cmd.Commands() {
		asMarkdown(sub)
	}
}

// markdown returns a long text as Markdown: lines that begin with two spaces stay as they are.
func markdown(long string) string {
	var out []string
	inside := false // of lines that stay
	for line := range strings.SplitSeq(long, "\n") {
		if stays := strings.HasPrefix(line, "  "); stays != inside {
			out, inside = append(out, "```"), stays
		}
		if !inside {
			line = escaped.Replace(line)
		}
		out = append(out, line)
	}
	if inside {
		out = append(out, "```")
	}
	return strings.Join(out, "\n")
}
