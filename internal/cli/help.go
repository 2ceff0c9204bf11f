package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tollgate/internal/nearest"
)

func init() { cobra.AddTemplateFunc("wrap", wrapParagraphs) }

// wrapHelp has the help of a command and of those below it fit [MaxWidth] columns.
func wrapHelp(root *cobra.Command) {
	root.SetHelpTemplate(strings.Replace(root.HelpTemplate(), "{{. | trim", "{{. | wrap | trim", 1))
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), "FlagUsages |", fmt.Sprintf("FlagUsagesWrapped %d |", MaxWidth)))
}

// wrapParagraphs wraps a text for [MaxWidth] columns. A line continues the one before if that is full or ends in the middle of a sentence, or
// if it begins with one space, as the lines of an item do. Lines that begin with two spaces stay as they are.
func wrapParagraphs(said string) string {
	var out []string
	open := "" // what is not wrapped yet
	flush := func() {
		if open != "" {
			out = append(out, wrap(open, MaxWidth)...)
		}
		open = ""
	}
	before, item := "", false // whether what is open is one
	for line := range strings.SplitSeq(said, "\n") {
		indented := strings.HasPrefix(line, " ")
		switch {
		case line == "" || strings.HasPrefix(line, "  "):
			flush()
			out, item = append(out, line), false
		case open != "" && (indented || !item && goesOn(before)):
			open, item = open+" "+strings.TrimPrefix(line, " "), indented
		default:
			flush()
			open, item = line, false
		}
		before = line
	}
	flush()
	return strings.Join(out, "\n")
}

// goesOn reports whether the line that follows one in a text belongs to the same paragraph.
func goesOn(line string) bool {
	return len(line) >= MaxWidth-10 || !strings.HasSuffix(line, ".") && !strings.HasSuffix(line, ":")
}

// wrap returns the lines of a text, each of up to so many characters. A word that is longer than a line, such as a path, is left whole.
func wrap(said string, width int) (lines []string) {
	line := ""
	for word := range strings.SplitSeq(said, " ") {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines, line = append(lines, line), word
			continue
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}

// flagProblem says what is wrong with a flag, and what it wants.
func flagProblem(cmd *cobra.Command, err error) string {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok && unknown.GetSpecifiedShortnames() == "" {
		var known []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, "--"+f.Name) })
		name := "--" + unknown.GetSpecifiedName()
		return strings.Join(slices.DeleteFunc([]string{"unknown flag " + strconv.Quote(name), nearest.Meant(nearest.Words(name, known))}, isEmpty), "; ")
	}
	if missing, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		f := missing.GetFlag()
		kind, usage := pflag.UnquoteUsage(f)
		return fmt.Sprintf("--%s needs a value (%s): %s", f.Name, kind, usage)
	}
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return fmt.Sprintf("--%s %q: want %s", invalid.GetFlag().Name, invalid.GetValue(), wanted(invalid.GetFlag()))
	}
	return err.Error()
}

func isEmpty(s string) bool { return s == "" }

// wanted describes the values of a flag that is no text.
func wanted(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "bool":
		return "true or false, or nothing"
	case "duration":
		return "a duration such as 10s or 5m"
	case "uint64":
		return "a number from 0 on"
	}
	return "a number"
}
