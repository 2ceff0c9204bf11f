package auditcmd

import (
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"modernc.org/sqlite"

	"tollgate/audit/logfile"
	"tollgate/internal/cli"
)

// forge changes the index of a log as one with access to the disk can.
func forge(t *testing.T, dir, command string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, logfile.IndexName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	done, err := db.Exec(command)
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	if n, err := done.RowsAffected(); n == 0 || err != nil {
		t.Fatalf("%s: it changes nothing (%v)", command, err)
	}
}

// copied returns a copy of a log with its index, which is a link to its database.
func copied(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		from, copy := filepath.Join(dir, entry.Name()), filepath.Join(to, entry.Name())
		if entry.Type() == os.ModeSymlink {
			target, err := os.Readlink(from)
			if err := errors.Join(err, os.Symlink(target, copy)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		text, err := os.ReadFile(from)
		if err := errors.Join(err, os.WriteFile(copy, text, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// What a command makes of an index that was changed.
const (
	same   = "the same as without the change"
	failed = "an error, and no row that is not right"
	hidden = "rows that are right, but not all, or a call before it was settled"
	wrong  = "other sums than those of the log, and the source says that they are not compared"
)

// Functions of SQL for what the index packs.
func init() {
	for name, fn := range map[string]func(blob []byte, args []driver.Value) []byte{
		"entry": func(b []byte, args []driver.Value) []byte { // of a call in a block of the first span: n & keep | set
			return editEntry(b, args[0].(int64), func(n uint64) []uint64 { return []uint64{n&uint64(args[1].(int64)) | uint64(args[2].(int64))} })
		},
		"without": func(b []byte, args []driver.Value) []byte {
			return editEntry(b, args[0].(int64), func(uint64) []uint64 { return nil })
		},
		"doubled": func(b []byte, args []driver.Value) []byte { // and its copy ends with another record
			return editEntry(b, args[0].(int64), func(n uint64) []uint64 { return []uint64{n, n&^0xfff | uint64(args[1].(int64))} })
		},
		"digits": func(b []byte, args []driver.Value) []byte { // of all amounts of money in a list of sums
			return amountText.ReplaceAllFunc(b, func(text []byte) []byte { return digitText.ReplaceAll(text, []byte(args[0].(string))) })
		},
	} {
		sqlite.MustRegisterDeterministicScalarFunction(name, -1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
			return fn(args[0].([]byte), args[1:]), nil
		})
	}
}

var amountText, digitText = regexp.MustCompile(`[0-9]+\.[0-9]+`), regexp.MustCompile(`[0-9]`)

// editEntry puts others in the place of the entry of a call: see package store's block.go. All of a block's calls with amounts, two numbers each, are
// behind its entries.
func editEntry(b []byte, ord int64, edit func(uint64) []uint64) []byte {
	const head, size, hasAmounts = 4, 8, 1 << 13
	var entries, amounts []byte
	n, count := int(binary.LittleEndian.Uint32(b)), 0
	rest := b[head+n*size:]
	for i := range n {
		e := binary.LittleEndian.Uint64(b[head+i*size:])
		var of []byte
		if e&hasAmounts != 0 {
			of, rest = rest[:2*size], rest[2*size:]
		}
		now := []uint64{e}
		if int64(e&0xfff) == ord {
			now = edit(e)
		}
		for _, e := range now {
			entries, amounts, count = binary.LittleEndian.AppendUint64(entries, e), append(amounts, of...), count+1
		}
	}
	return slices.Concat(binary.LittleEndian.AppendUint32(nil, uint32(count)), entries, amounts)
}

// TestForgedIndex changes an index: a report of the log, which is the usual one, is right all the same. In what the index
// leads to, rows that were forged are found by their lines; rows that were removed are not, and sums are not, which the source says.
func TestForgedIndex(t *testing.T) {
	honest := recorded(t, "spending")
	must(t, "audit", "reindex", "--dir", honest)
	rows, sums := jsonRows(t, honest, "--index", noIndex), reported(t, honest)
	const paid = " WHERE ord = 10" // the payment that succeeded
	const double = "INSERT INTO calls SELECT 11, kind, time, merged, intent_segment, intent_offset, segment, offset, low, high, summed FROM calls"
	digits := func(d string) string {
		return fmt.Sprintf("totals = digits(totals, '%[1]s'), customers = digits(customers, '%[1]s')", d)
	}
	for name, c := range map[string]struct {
		sql, list, report string
	}{
		"moved to another call":        {"UPDATE calls SET (intent_segment, intent_offset, segment, offset) = (SELECT intent_segment, intent_offset, segment, offset FROM calls WHERE ord = 29)" + paid, failed, same},
		"with the intent of another":   {"UPDATE calls SET (intent_segment, intent_offset) = (SELECT intent_segment, intent_offset FROM calls WHERE ord = 29)" + paid, failed, same},
		"moved into a line":            {"UPDATE calls SET offset = offset + 1" + paid, failed, same},
		"moved out of the log":         {"UPDATE calls SET offset = 1 << 40" + paid, failed, same},
		"doubled":                      {double + paid, failed, same},
		"doubled in its block":         {"UPDATE blocks SET calls = doubled(calls, 10, 11)", failed, same},
		"doubled, and in its block":    {"UPDATE blocks SET calls = doubled(calls, 10, 11); " + double + paid, failed, same},
		"renumbered":                   {"UPDATE calls SET ord = 11" + paid, failed, same},
		"renumbered in its block":      {"UPDATE blocks SET calls = entry(calls, 10, ~4095, 11)", failed, same},
		"renumbered in both":           {"UPDATE blocks SET calls = entry(calls, 10, ~4095, 11); UPDATE calls SET ord = 11" + paid, failed, same},
		"without its intent":           {"UPDATE calls SET intent_segment = 0, intent_offset = 0" + paid, failed, same},
		"of another kind":              {"UPDATE calls SET kind = (SELECT kind FROM calls WHERE ord = 29)" + paid, failed, same},
		"of another kind in its block": {"UPDATE blocks SET calls = entry(calls, 10, 16383, 1 << 14)", failed, same},
		"of another kind in both":      {"UPDATE blocks SET calls = entry(calls, 10, 16383, 1 << 14); UPDATE calls SET kind = 1" + paid, failed, same},
		"of no kind":                   {"UPDATE calls SET kind = 77" + paid, failed, same},
		"of no kind in both":           {"UPDATE blocks SET calls = entry(calls, 10, 16383, 77 << 14); UPDATE calls SET kind = 77" + paid, failed, same},
		"at another time":              {"UPDATE calls SET time = time - 86400000000" + paid, failed, same},
		"of another amount":            {"UPDATE calls SET low = 1, high = 1" + paid, failed, same},
		"with amounts in its block":    {"UPDATE blocks SET calls = entry(calls, 10, ~8192, 0)", failed, same},
		"said to be in no sum":         {"UPDATE blocks SET calls = entry(calls, 10, ~4096, 0); UPDATE calls SET summed = 0" + paid, same, failed},
		"its row says so":              {"UPDATE calls SET summed = 0" + paid, failed, same},
		"its block says so":            {"UPDATE blocks SET calls = entry(calls, 10, ~4096, 0)", failed, failed},
		"a kind of another caller":     {"UPDATE kinds SET caller = 'x', caller_text = 'x' WHERE state = 'succeeded'", failed, wrong},
		"a kind that failed":           {"UPDATE kinds SET state = 'failed' WHERE state = 'succeeded' AND operation = 'PayOrders'", failed, wrong},
		"said to be open":              {"INSERT INTO open SELECT intent_segment, intent_offset FROM calls" + paid, failed, failed},
		"moved to the open calls":      {"UPDATE blocks SET calls = without(calls, 10); INSERT INTO open SELECT intent_segment, intent_offset FROM calls WHERE ord = 10; DELETE FROM ids WHERE ord = 10; DELETE FROM calls WHERE ord = 10", failed, failed},
		"open instead of ended":        {"INSERT INTO lost SELECT 11, intent_segment, intent_offset FROM calls" + paid, failed, failed},
		"another end of the index":     {"UPDATE marks SET hash = x'00'", same, same},
		"an end beyond the log":        {"UPDATE marks SET seq = seq + 100", same, same},
		"an index of another log":      {"UPDATE begin SET first = 7", same, same},
		"removed":                      {"UPDATE blocks SET calls = without(calls, 10); DELETE FROM calls" + paid, hidden, same},
		"its row removed":              {"DELETE FROM calls" + paid, failed, same},
		"its entry removed":            {"UPDATE blocks SET calls = without(calls, 10)", failed, same},
		"all removed":                  {"DELETE FROM blocks; DELETE FROM calls", hidden, wrong},
		"all rows removed":             {"DELETE FROM calls", failed, failed},
		"no block":                     {"UPDATE blocks SET calls = x'ff'", failed, failed},
		"a block of another time":      {"UPDATE blocks SET low = 0, high = 0", same, same},
		"sums of more money":           {"UPDATE days SET " + digits("9"), same, wrong},
		"sums of no money":             {"UPDATE days SET " + digits("0"), same, wrong},
		"sums removed":                 {"DELETE FROM days", same, wrong},
		"sums that are no number":      {"UPDATE days SET " + digits("x"), same, failed},
		"no sums":                      {"UPDATE days SET totals = x'ff', customers = x'ff'", same, failed},
		"a settlement removed":         {"DELETE FROM events WHERE event = 'resolved'", hidden, wrong},
		"a settlement of another call": {"UPDATE events SET subject = 1 WHERE event = 'resolved'", hidden, wrong},
		"an event somewhere else":      {"UPDATE events SET offset = offset + 1", failed, failed},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copied(t, honest)
			forge(t, dir, c.sql)
			if got := reported(t, dir); got != sums {
				t.Errorf("a report of the log is\n%s\nwant\n%s", got, sums)
			}
			if got := listedAs(t, dir, rows); got != c.list {
				t.Errorf("list: %s, want %s", got, c.list)
			}
			if got := reportedAs(t, dir, sums); got != c.report {
				t.Errorf("report by the index: %s, want %s", got, c.report)
			}
		})
	}
}

// jsonRows returns the rows of a list, without what they were read from.
func jsonRows(t *testing.T, dir string, flags ...string) []string {
	t.Helper()
	text := must(t, append([]string{"audit", "list", "--json", "--dir", dir}, flags...)...)
	return strings.SplitAfter(readFrom.ReplaceAllString(text, ""), "\n")
}

// listedAs returns what list makes of the index of a log that has such rows.
func listedAs(t *testing.T, dir string, rows []string) string {
	t.Helper()
	code, stdout, stderr := run(t, "audit", "list", "--json", "--dir", dir)
	got := strings.SplitAfter(readFrom.ReplaceAllString(stdout, ""), "\n")
	for i, row := range got {
		if !slices.ContainsFunc(rows, func(right string) bool { return row == right || row == unsettled(right) }) || slices.Contains(got[:i], row) {
			t.Errorf("a row that is not right: %s", row)
		}
	}
	switch {
	case code == cli.ExitFailure && strings.Contains(stderr, "--index none reads the log"):
		return failed
	case code != cli.ExitOK:
		t.Errorf("exit %d, %s", code, stderr)
	case slices.Equal(got, rows):
		return same
	case !strings.Contains(stderr, "what was removed from an index is not found"):
		t.Errorf("the source does not say that something may be missing: %s", stderr)
	}
	return hidden
}

// settlement is what the row of a call has that was settled.
var settlement = regexp.MustCompile(`,"settled":{[^}]*}`)

// unsettled returns the row of a call as it was before it was settled, and other rows as they are.
func unsettled(row string) string {
	if !settlement.MatchString(row) {
		return row
	}
	return strings.Replace(settlement.ReplaceAllString(row, ""), `"outcome":"succeeded"`, `"outcome":"unknown"`, 1)
}

// reported returns the report of the log, which is the one without --index.
func reported(t *testing.T, dir string) string {
	t.Helper()
	return sumsOf(t, must(t, "audit", "report", "--json", "--dir", dir))
}

// sumsOf returns a report without its source.
func sumsOf(t *testing.T, text string) string {
	t.Helper()
	var report map[string]any
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		t.Fatal(err)
	}
	delete(report, "source")
	return fmt.Sprint(report)
}

// reportedAs returns what a report by the index makes of it, where that of the log has such sums.
func reportedAs(t *testing.T, dir, sums string) string {
	t.Helper()
	code, stdout, stderr := run(t, "audit", "report", "--json", "--index", autoIndex, "--dir", dir)
	switch {
	case code == cli.ExitFailure && strings.Contains(stderr, "--index none reads the log"):
		return failed
	case code != cli.ExitOK:
		t.Fatalf("exit %d, %s", code, stderr)
	case sumsOf(t, stdout) == sums:
		return same
	case !strings.Contains(stderr, "sums are not compared with the log"):
		t.Errorf("the source does not say that sums are not compared: %s", stderr)
	}
	return wrong
}
