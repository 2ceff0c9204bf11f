package cli

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestFormatFlags: --output, --json and the former --format choose one format, or contradict each other.
func TestFormatFlags(t *testing.T) {
	for args, want := range map[string]string{
		"": AsTable, "-o wide": AsWide, "-o json": AsJSON, "--output csv": AsCSV, "--json": AsJSON, "--format csv": AsCSV, "--format json --json": AsJSON, "-o json --json": AsJSON,
		"--json=false": AsTable, "-o csv --bom": AsCSV,
		"-o xml": "", "-o html": "", "-o csv --json": "", "-o csv --format table": "", "--bom": "", "-o": "",
	} {
		var f FormatFlags
		got := ""
		cmd := &cobra.Command{Use: "x", RunE: func(cmd *cobra.Command, _ []string) error {
			err := f.Parse(cmd)
			if err == nil {
				got = f.Format
			}
			return err
		}}
		f.Register(cmd, AsCSV)
		program, chapter := "test", Chapter("All:", cmd)
		code := Execute(context.Background(), Program(program, chapter), append([]string{"x"}, strings.Fields(args)...), &bytes.Buffer{}, &bytes.Buffer{})
		if got != want || (code == ExitOK) != (want != "") {
			t.Errorf("%q: %q, exit %d, want %q", args, got, code, want)
		}
	}
}

func TestSource(t *testing.T) {
	for want, s := range map[string]Source{
		"source: the log in a\n":                     LogSource("a", 0),
		"source: the bundle b.zip\n":                 {Kind: FromBundle, Path: "b.zip"},
		"source: the log in a\\u001b, to record 7\n": LogSource("a\x1b", 7),
		"source: the log in a, records 5 to 7\n":     {Kind: FromLog, Path: "a", From: 5, To: 7},
		"source: the bundle b.zip, records 1 to 7\n": {Kind: FromBundle, Path: "b.zip", From: 1, To: 7},
		"source: the index i, to record 6, and the log a behind it; what was removed from an index is not found (--index none reads the log)\n": {Kind: FromIndex, Path: "i", To: 6, Log: "a"},
	} {
		var b bytes.Buffer
		if err := s.Say(&b); err != nil || b.String() != want {
			t.Errorf("%q, %v; want %q", &b, err, want)
		}
	}
	if err := LogSource("a", 1).Say(brokenWriter{}); err == nil {
		t.Error("no error of a writer that fails")
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("full") }
