package cli

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

func TestWrapParagraphs(t *testing.T) {
	words := strings.TrimSpace(strings.Repeat("word ", 30)) // 149 characters
	wrapped := strings.TrimSpace(strings.Repeat("word ", 20)) + "\n" + strings.TrimSpace(strings.Repeat("word ", 10))
	for said, want := range map[string]string{
		"":                                   "",
		"One line.":                          "One line.",
		"a\nb":                               "a b",
		"One.\nTwo.":                         "One.\nTwo.",
		words + "\nand":                      wrapped + " and",
		words + ".\n\nNext.":                 wrapped + ".\n\nNext.",
		"List:\n  a  " + words + "\n  b":     "List:\n  a  " + words + "\n  b",
		"moved: what\n moved\nfrom: where":   "moved: what moved\nfrom: where",
		"Long:\n" + strings.Repeat("x", 120): "Long:\n" + strings.Repeat("x", 120),
	} {
		if got := wrapParagraphs(said); got != want {
			t.Errorf("%q is %q, want %q", said, got, want)
		}
	}
}

// FuzzWrap: nothing is lost or added but breaks between words, and no line is longer than the width unless it is one word.
func FuzzWrap(f *testing.F) {
	f.Add("a b  c", uint8(3))
	f.Add("äöü ß", uint8(1))
	f.Fuzz(func(t *testing.T, said string, width uint8) {
		lines := wrap(said, int(width))
		if strings.ContainsRune(said, '\n') {
			return
		}
		if got := strings.Join(lines, " "); strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(said, " ", "") {
			t.Fatalf("%q is %q", said, lines)
		}
		for _, line := range lines {
			if utf8.RuneCountInString(line) > int(width) && strings.Contains(strings.TrimSpace(line), " ") {
				t.Fatalf("%q has %q", said, line)
			}
		}
	})
}

// TestFlagProblems: what is wrong with a flag is said with its name and what it wants.
func TestFlagProblems(t *testing.T) {
	register := func(cmd *cobra.Command, dir *string) {
		DirFlag(cmd, dir)
		cmd.Flags().Int("status", 0, "HTTP `status`")
		cmd.Flags().Duration("timeout", 0, "how long")
		cmd.Flags().Uint64("from-seq", 0, "`number`")
		cmd.Flags().Bool("all", false, "all")
	}
	for args, want := range map[string]string{
		"--satus 3":     `unknown flag "--satus"; did you mean "--status"?`,
		"--nothing":     `unknown flag "--nothing"` + "\n",
		"--status x":    `--status "x": want a number`,
		"--status":      `--status needs a value (status): HTTP status`,
		"--timeout 3":   `--timeout "3": want a duration such as 10s or 5m`,
		"--from-seq -1": `--from-seq "-1": want a number from 0 on`,
		"--all=maybe":   `--all "maybe": want true or false`,
		"-q":            `unknown shorthand flag: 'q' in -q`,
	} {
		cmd := &cobra.Command{Use: "x", RunE: func(*cobra.Command, []string) error { return nil }}
		register(cmd, new(string))
		root := Program("v", Chapter("all", cmd))
		var out, errs strings.Builder
		code := Execute(t.Context(), root, append([]string{"x"}, strings.Fields(args)...), &out, &errs)
		if code != ExitUsage || !strings.Contains(errs.String(), want) || !strings.Contains(errs.String(), "see: tollgate x --help") {
			t.Errorf("%s: exit %d, %s", args, code, errs.String())
		}
	}
}

func TestPairs(t *testing.T) {
	said := strings.TrimSpace(strings.Repeat("word ", 30))
	for _, wide := range []bool{false, true} {
		p := Pairs{Wide: wide}
		p.Add("a", "x\x1b")
		p.Add("name", said)
		var out strings.Builder
		if err := p.Print(&out); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if lines[0] != "a     x\uFFFD" || wide != (lines[1] == "name  "+said) || !wide && (len(lines) != 3 || !strings.HasPrefix(lines[2], "      word") || len(lines[1]) > MaxWidth) {
			t.Errorf("wide %v: %q", wide, lines)
		}
	}
}
