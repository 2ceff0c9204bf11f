package auditcmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/internal/cli"
	"tollgate/internal/words"
)

// FuzzAuditCommands lists and shows a log whose texts came from peers. Whatever they hold: a table has one line for
// each record, nothing reaches the terminal that it would not print, and the JSON of a record says what the log says.
func FuzzAuditCommands(f *testing.F) {
	f.Add("/a\u009b2J\x1b[2J", "x\ty\nz", "a\u202e\u200b", "\xff")
	f.Add("", strings.Repeat("\u2028", 300), "intent", "=")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, path, reason, caller, value string) {
		const id = "0199a3b2-7c00-7d3e-8f10-2b3c4d5e6f70"
		var log []byte
		for i, kind := range []logfile.Kind{logfile.KindRefusal, logfile.KindIntent, logfile.KindRefusals, logfile.KindStop} {
			r := logfile.Record{
				Seq: uint64(i + 1), Commit: 1, Kind: kind, Call: id, Method: value, Path: path, Reason: reason, Note: value, ClaimedCaller: caller, Version: reason,
				Fields: []logfile.Field{{Name: value, Values: []string{path, reason}}}, Counts: []logfile.Count{{Reason: reason, Source: caller, Count: 1}},
			}
			log = append(r.Append(log), '\n')
		}
		if err := os.WriteFile(filepath.Join(dir, "00000000000000000001.jsonl"), log, 0o600); err != nil {
			t.Fatal(err)
		}
		var table, shown bytes.Buffer
		if err := (&recordFlags{place: place{dir: dir}, times: cli.TimeFlags{Zone: time.UTC}}).list(&table, io.Discard); err != nil {
			t.Fatal(err)
		}
		if lines := bytes.Count(table.Bytes(), []byte("\n")); lines != 5 {
			t.Errorf("the table of 4 records has %d lines:\n%s", lines, table.Bytes())
		}
		for _, format := range []string{cli.AsTable, cli.AsWide, cli.AsJSON, cli.AsCSV} {
			var listed bytes.Buffer
			if err := listCalls(t.Context(), &listed, readDir(dir, noIndex, nil), &calls.Filter{}, cli.FormatFlags{Format: format}, time.UTC); err != nil {
				t.Fatal(err)
			}
			text := strings.ReplaceAll(listed.String(), "\r\n", "\n")
			if lines := strings.Count(text, "\n"); lines != 3 && !(format == cli.AsJSON && lines == 2) {
				t.Errorf("the %s of 2 calls has %d lines:\n%s", format, lines, text)
			}
			table.WriteString(text)
		}
		sentences, lines := showFlags{place: place{dir: dir}, words: words.In(words.Chinese)}, showFlags{place: place{dir: dir}, json: true, words: words.In(words.English)}
		if err := errors.Join(lines.show(&shown, io.Discard, id, time.UTC), sentences.show(&table, io.Discard, id, time.UTC)); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{table.String()} {
			if strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
				t.Errorf("a terminal does not print %q", text)
			}
		}
		sameJSON(t, log, shown.Bytes())
	})
}

// sameJSON compares the records of two texts one by one.
func sameJSON(t *testing.T, want, got []byte) {
	t.Helper()
	wanted, found := json.NewDecoder(bytes.NewReader(want)), json.NewDecoder(bytes.NewReader(got))
	for wanted.More() {
		var a, b logfile.Record
		if err := wanted.Decode(&a); err != nil {
			t.Fatal(err)
		}
		if err := found.Decode(&b); err != nil {
			t.Fatal(err)
		}
		if first, second := a.Append(nil), b.Append(nil); !bytes.Equal(first, second) {
			t.Errorf("the log says\n%s\nand is shown as\n%s", first, second)
		}
	}
}
