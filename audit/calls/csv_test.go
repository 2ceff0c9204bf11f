package calls

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
	"testing"

	"tollgate/internal/text"
)

func writeCSV(t testing.TB, bom bool, rows ...[]string) string {
	t.Helper()
	var b bytes.Buffer
	w := NewCSV(&b, bom)
	for _, row := range rows {
		if err := w.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestCSVBytes(t *testing.T) {
	got := writeCSV(t, true, []string{"a", "b c"}, []string{`say "x"`, "1,5;2"})
	if want := "\uFEFF\"a\",\"b c\"\r\n\"say \"\"x\"\"\",\"1,5;2\"\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestCSVFormulas: no cell that a spreadsheet would compute.
func TestCSVFormulas(t *testing.T) {
	for cell, want := range map[string]string{
		"=1+1": "'=1+1", "+1": "'+1", "-1+1": "'-1+1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\uFFFD=1", "\r=1": "'\uFFFD=1", "\n=1": "'\uFFFD=1", "  =1": "'  =1",
		"＝1": "'＝1", "＋1": "'＋1", "－1": "'－1", "＠a": "'＠a", "-": "'-", "-1.": "'-1.", "-.5": "'-.5", "-1e5": "'-1e5", "--1": "'--1", "-1 ": "'-1 ",
		"=cmd|' /C calc'!A0": "'=cmd|' /C calc'!A0",
		"-1":                 "-1", "-12.50": "-12.50", "": "", "12": "12", "a=1": "a=1", "CS-1": "CS-1", "(shop?)": "(shop?)", "a\nb": "a\uFFFDb", "\u202e=1": "\uFFFD=1",
	} {
		rows, err := csv.NewReader(strings.NewReader(writeCSV(t, false, []string{cell, "x"}))).ReadAll()
		if err != nil || len(rows) != 1 || rows[0][0] != want {
			t.Errorf("%q is read back as %q, want %q (%v)", cell, rows, want, err)
		}
	}
}

// FuzzCSV: encoding/csv reads back what was written, and no cell begins a formula.
func FuzzCSV(f *testing.F) {
	f.Add("=1", "a,b", "\"\r\n")
	f.Add("-1", ";=x", "\uFEFF")
	f.Add("\xff=", "'", " ")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		cells := []string{a, b, c}
		written := writeCSV(t, false, cells, cells)
		if lines := strings.Count(written, "\n"); lines != 2 {
			t.Fatalf("2 rows have %d lines: %q", lines, written)
		}
		rows, err := csv.NewReader(strings.NewReader(written)).ReadAll()
		if err != nil || len(rows) != 2 || !slices.Equal(rows[0], rows[1]) || len(rows[0]) != 3 {
			t.Fatalf("%q is read back as %q, %v", written, rows, err)
		}
		for i, cell := range rows[0] {
			clean := text.Printable(cells[i], '\uFFFD')
			if cell != clean && cell != "'"+clean {
				t.Errorf("%q is read back as %q", cells[i], cell)
			}
			if first := strings.TrimLeft(cell, " "); first != "" && strings.Contains("=+@", first[:1]) || strings.HasPrefix(first, "-") && !plainNegative(cell) {
				t.Errorf("%q is written as the formula %q", cells[i], cell)
			}
		}
	})
}
