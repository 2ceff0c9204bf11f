package logfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var errInjected = errors.New("injected fault")

func line(seq, commit uint64, kind Kind, call string) string {
	r := Record{Seq: seq, Commit: commit, Kind: kind, Call: call, Time: time.Unix(1750000000, 0), Effect: "spend"}
	if kind == KindOutcome {
		r.Outcome = Succeeded
	}
	return string(append(r.Append(nil), '\n'))
}

// sample is a small log: two calls, the second without an outcome.
func sample() string {
	return line(1, 1, KindStart, "") + line(2, 2, KindIntent, "a") + line(3, 3, KindIntent, "b") + line(4, 4, KindOutcome, "a")
}

func zeros(n int) string { return strings.Repeat("\x00", n) }

func TestRead(t *testing.T) {
	text := sample()
	lines := strings.SplitAfter(text, "\n")
	for name, c := range map[string]struct {
		segments map[uint64]string
		records  int
		want     string
	}{
		// A start record of sample has 93 bytes.
		"empty directory":      {nil, 0, "holds no audit log"},
		"whole":                {map[uint64]string{1: text}, 4, ""},
		"live":                 {map[uint64]string{1: text + zeros(5000)}, 4, ""},
		"live, incomplete":     {map[uint64]string{1: text + "{\"seq\"" + zeros(5000)}, 4, ""},
		"live, zeros inside":   {map[uint64]string{1: text + zeros(5) + "x"}, 4, "zeros stand within the records"},
		"hole":                 {map[uint64]string{1: lines[0] + zeros(len(lines[1])) + lines[2] + zeros(9)}, 1, "zeros stand within the records"},
		"line ends of DOS":     {map[uint64]string{1: strings.ReplaceAll(text, "\n", "\r\n")}, 0, "without anything around it"},
		"member twice":         {map[uint64]string{1: strings.Replace(text, "{", `{"seq":1,`, 1)}, 0, "duplicate"},
		"member in other case": {map[uint64]string{1: strings.Replace(text, `"seq"`, `"SEQ"`, 1)}, 0, "record 1 is expected here"},
		"segments":             {map[uint64]string{1: lines[0], 2: lines[1] + lines[2] + zeros(1)}, 3, ""},
		"later part":           {map[uint64]string{2: lines[1]}, 1, "the records 1 to 1 are missing"},
		"gap in a segment":     {map[uint64]string{1: lines[0] + lines[2]}, 1, "00000000000000000001.jsonl, byte 93: record 2 is expected here, not record 3"},
		"segment missing":      {map[uint64]string{1: lines[0], 3: lines[2]}, 1, "00000000000000000003.jsonl follows record 1"},
		"no record":            {map[uint64]string{1: lines[0] + "[]\n"}, 1, "byte 93: the line is no record"},
		"closed, not whole":    {map[uint64]string{1: lines[0] + zeros(1), 2: lines[1]}, 1, "is not whole"},
		"line too long":        {map[uint64]string{1: strings.Repeat("x", MaxLine+1)}, 0, "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for first, text := range c.segments {
				if err := os.WriteFile(filepath.Join(dir, SegmentName(first)), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			n := 0
			err := Read(dir, func(r *Record, line []byte) error {
				n++
				if got := r.Append(nil); string(got) != string(line) {
					t.Errorf("record %d is not its line: %s", r.Seq, line)
				}
				return nil
			})
			if n != c.records {
				t.Errorf("%d records, want %d", n, c.records)
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// prune does to a closed segment what pruning does, with hashes that are not checked here.
func prune(t testing.TB, dir string, first uint64, records int) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, HashesName(first)), make([]byte, records*HashLength), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, SegmentName(first))); err != nil {
		t.Fatal(err)
	}
}

func TestReadOfPrunedLog(t *testing.T) {
	lines := strings.SplitAfter(sample(), "\n")
	for name, c := range map[string]struct {
		hashes map[uint64]int // bytes by first record
		want   string
	}{
		"whole":           {map[uint64]int{1: 64}, ""},
		"two":             {map[uint64]int{1: 32, 2: 32}, ""},
		"segment as well": {map[uint64]int{1: 32, 2: 32, 3: 32}, ""},
		"none":            {nil, "the records 1 to 2 are missing"},
		"first missing":   {map[uint64]int{2: 32}, "the records 1 to 2 are missing"},
		"last missing":    {map[uint64]int{1: 32}, "the records 2 to 2 are missing"},
		"too many":        {map[uint64]int{1: 96}, "reach into the segment 00000000000000000003.jsonl"},
		"odd length":      {map[uint64]int{1: 63}, "63 bytes are no list of hashes"},
		"empty":           {map[uint64]int{1: 0}, "0 bytes are no list of hashes"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for first, bytes := range c.hashes {
				if err := os.WriteFile(filepath.Join(dir, HashesName(first)), make([]byte, bytes), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, SegmentName(3)), []byte(lines[2]+lines[3]), 0o600); err != nil {
				t.Fatal(err)
			}
			n := 0
			err := Read(dir, func(*Record, []byte) error { n++; return nil })
			if n != 2 {
				t.Errorf("%d records, want the 2 that are left", n)
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// A segment that is pruned while the ones before it are read is skipped.
func TestReadWhilePruning(t *testing.T) {
	lines := strings.SplitAfter(sample(), "\n")
	dir := t.TempDir()
	for i, line := range lines[:3] {
		if err := os.WriteFile(filepath.Join(dir, SegmentName(uint64(i+1))), []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got []uint64
	err := Read(dir, func(r *Record, _ []byte) error {
		if got = append(got, r.Seq); r.Seq == 1 {
			prune(t, dir, 2, 1)
		}
		return nil
	})
	if err != nil || !slices.Equal(got, []uint64{1, 3}) {
		t.Errorf("records %v, %v", got, err)
	}
}

func TestReadReturnsErrors(t *testing.T) {
	if err := Read(filepath.Join(t.TempDir(), "none"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing directory: %v", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, SegmentName(1)), []byte(sample()), 0o600); err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := Read(dir, func(*Record, []byte) error { n++; return errInjected }); err != errInjected || n != 1 {
		t.Errorf("error %v after %d records", err, n)
	}
}

func TestFilter(t *testing.T) {
	at := time.Unix(1000, 0)
	r := &Record{
		Kind: KindIntent, Time: at, Call: "c", Caller: "app", Operation: "PayOrders", Credential: "acme", Account: "c-17", Event: "e",
	}
	for _, c := range []struct {
		name string
		f    Filter
		want bool
	}{
		{"empty", Filter{}, true},
		{"all", Filter{"c", "app", "PayOrders", "acme", "c-17", KindIntent, "e", at, at.Add(1)}, true},
		{"call", Filter{Call: "x"}, false},
		{"caller", Filter{Caller: "x"}, false},
		{"operation", Filter{Operation: "x"}, false},
		{"credential", Filter{Credential: "x"}, false},
		{"account", Filter{Account: "x"}, false},
		{"kind", Filter{Kind: "x"}, false},
		{"event", Filter{Event: "x"}, false},
		{"since", Filter{Since: at.Add(1)}, false},
		{"until", Filter{Until: at}, false},
	} {
		if got := c.f.Match(r); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
