package cli

import (
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tollgate/internal/text"
)

// The formats.
const (
	AsTable = "table" // rows within [MaxWidth] columns
	AsWide  = "wide"  // rows with all columns, nothing truncated
	AsJSON  = "json"
	AsCSV   = "csv"
	AsHTML  = "html"
)

// FormatFlags are the flags that choose how a result is printed.
type FormatFlags struct {
	Format     string // one of the formats; empty: [AsTable]
	BOM        bool
	formats    []string
	json       bool
	deprecated string // the value of --format
}

// Register adds the flags to a command that prints tables, wide ones and JSON, and the other formats that are named.
func (f *FormatFlags) Register(cmd *cobra.Command, others ...string) {
	f.formats = append([]string{AsTable, AsWide, AsJSON}, others...)
	flags := cmd.Flags()
	flags.StringVarP(&f.Format, "output", "o", AsTable, "`format`: "+strings.Join(f.formats, ", "))
	flags.BoolVar(&f.json, "json", false, "short for -o json")
	flags.StringVar(&f.deprecated, "format", "", "former name of --output")
	flags.Lookup("format").Hidden = true
	if slices.Contains(others, AsCSV) {
		flags.BoolVar(&f.BOM, "bom", false, "begin CSV with a byte order mark, by which some spreadsheets recognise UTF-8")
	}
	complete := cobra.FixedCompletions(f.formats, cobra.ShellCompDirectiveNoFileComp)
	if err := cmd.RegisterFlagCompletionFunc("output", complete); err != nil {
		panic(err) // the flag was registered above
	}
}

// Parse sets Format and checks the flags.
func (f *FormatFlags) Parse(cmd *cobra.Command) error {
	chosen := ""
	for _, flag := range [...]struct{ name, value, text string }{
		{"output", f.Format, "-o " + f.Format}, {"format", f.deprecated, "--format " + f.deprecated}, {"json", AsJSON, "--json"},
	} {
		switch {
		case !cmd.Flags().Changed(flag.name) || flag.name == "json" && !f.json:
		case chosen != "" && f.Format != flag.value:
			return UsageError("%s and %s contradict each other", chosen, flag.text)
		default:
			chosen, f.Format = flag.text, flag.value
		}
	}
	if f.BOM && f.Format != AsCSV {
		return UsageError("--bom is for -o csv")
	}
	return CheckChoice("output", f.Format, f.formats)
}

// IsTable reports whether the format is that of a table, wide or not.
func (f *FormatFlags) IsTable() bool {
	return f.Format == AsTable || f.Format == AsWide || f.Format == ""
}

// Table returns an empty table with the columns that the format has.
func (f *FormatFlags) Table(w io.Writer, columns ...Column) *Table {
	return &Table{W: w, Columns: columns, Wide: f.Format == AsWide}
}

// WriteLine writes a value as one line of JSON, with nothing in it that a terminal would not print.
func WriteLine(w io.Writer, value any) error { return writeJSON(w, value, "") }

// PrintJSON is WriteLine over several lines, indented.
func PrintJSON(w io.Writer, value any) error { return writeJSON(w, value, "  ") }

func writeJSON(w io.Writer, value any, indent string) error {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetIndent("", indent)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err
	}
	_, err := io.WriteString(w, text.EscapeUnprintable(b.String()))
	return err
}
