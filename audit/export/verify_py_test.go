// Package export_test checks what stands beside the archives for auditors: the verifier in Python.
package export_test

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tollgate/audit"
	"tollgate/audit/checkpoint"
	"tollgate/audit/export"
	"tollgate/audit/logfile"
	"tollgate/audit/verify"
	"tollgate/internal/setting"
	"tollgate/internal/soaktest"
	"tollgate/internal/testlog"
)

// python runs a program that has verify.py as its module verify, with input as its standard input.
func python(t *testing.T, program string, input []byte) []byte {
	t.Helper()
	exe, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("python3, which this test runs, is not installed: run `make tools`")
	}
	if _, err := os.ReadFile("verify.py"); err != nil { // so that go test does not take its result from the cache when the file changes
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-B", "-c", program)
	cmd.Env = append(os.Environ(), "PYTHONPATH=.")
	cmd.Stdin = bytes.NewReader(input)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	return out
}

// sample is a log to verify, and what the verdict must be.
type sample struct {
	Name   string
	Log    string   // folder or archive; a folder named log is a log's, and else a bundle's
	Keys   []string // --key
	Copies []string // --since-checkpoint
	Allow  bool     // --allow-unsigned
	Flip   *flip    // a byte that is another while it is read
	want   string   // a part of one of the faults; empty: the log is whole
}

type flip struct {
	File string
	At   int
}

// verifyAll returns the faults that verify.py finds in each sample. One process verifies them all, and each signature
// once.
const verifyAll = `
import functools, io, json, sys, verify
verify.ed25519_verify = functools.lru_cache(None)(verify.ed25519_verify)
class Flipped(verify.Files):
    def open(self, name):
        stream = super().open(name)
        if not flip or name != flip["File"]:
            return stream
        with stream:
            data = bytearray(stream.read())
        data[flip["At"]] ^= 1
        return io.BytesIO(bytes(data))
for line in sys.stdin:
    sample = json.loads(line)
    flip = sample["Flip"]
    keys = [verify.parse_key(key) for key in sample["Keys"] or []]
    copies = [copy for file in sample["Copies"] or [] for copy in verify.read_copies(file)]
    files = Flipped(sample["Log"], not sample["Log"].endswith("/log"))
    verifier = verify.Verifier(files, keys, copies, sample["Allow"])
    assert verifier.run() == (not verifier.faults)
    print(json.dumps(verifier.faults))
`

func faults(t *testing.T, samples []sample) [][]string {
	t.Helper()
	var input bytes.Buffer
	for _, s := range samples {
		line, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		input.Write(append(line, '\n'))
	}
	lines := strings.Split(strings.TrimSpace(string(python(t, verifyAll, input.Bytes()))), "\n")
	if len(lines) != len(samples) {
		t.Fatalf("%d answers to %d samples", len(lines), len(samples))
	}
	out := make([][]string, len(lines))
	for i, line := range lines {
		if err := json.Unmarshal([]byte(line), &out[i]); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func check(t *testing.T, samples []sample) {
	t.Helper()
	for i, found := range faults(t, samples) {
		s := samples[i]
		t.Run(s.Name, func(t *testing.T) {
			if s.want == "" && len(found) > 0 {
				t.Errorf("faults in a whole log: %q", found)
			}
			if s.want != "" && !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, s.want) }) {
				t.Errorf("no fault with %q: %q", s.want, found)
			}
		})
	}
}

// logs makes the logs of a test.
type logs struct {
	t          *testing.T
	key, other *checkpoint.Key
	n          int
}

func newLogs(t *testing.T) *logs { return &logs{t: t, key: newKey(t), other: newKey(t)} }

func newKey(t *testing.T) *checkpoint.Key {
	k, err := checkpoint.NewKey("tollgate/test")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (l *logs) dir() string {
	l.n++
	return filepath.Join(l.t.TempDir(), fmt.Sprint(l.n), "log")
}

// make writes a log by write, and returns its directory.
func (l *logs) make(write func(*testlog.Log)) string {
	dir := l.dir()
	log := testlog.New(dir, l.key)
	write(log)
	log.Close()
	return dir
}

// full has each kind of record, three segments, and two keys.
func (l *logs) full() string {
	return l.make(func(log *testlog.Log) {
		log.Calls(2)
		log.Add(&logfile.Record{Kind: logfile.KindRefusal, Deprecated: true, Reason: "no_grant", Note: "\"caf\u00e9\" \\ \u202e"})
		log.Rotate()
		log.Calls(1)
		log.Rekey(l.other, false)
		log.Calls(1)
		log.Rotate()
		log.Add(&logfile.Record{Kind: logfile.KindRefusals, Counts: []logfile.Count{{Reason: "no_grant", Source: "10.0.0.1", Count: 7}}})
		log.Call()
	})
}

// written returns a log that package audit wrote, over a crash and a change of keys; a copy of it from before the crash, when
// it was open; and its two keys.
func (l *logs) written() (log, open, before, after string) {
	cfg := audit.Options{Config: audit.Config{Dir: l.dir(), Name: "tollgate/test"}, Version: "test", Preallocate: 128 << 10}
	cfg.Key.File, cfg.Checkpoints.Every = filepath.Join(l.t.TempDir(), "key"), setting.Duration(time.Hour) // nothing is written while it is copied
	a, _, err := audit.Open(cfg)
	l.ok(err)
	before = a.Key().String()
	l.ok(a.Intent(l.t.Context(), &logfile.Record{Call: "1", Path: "/caf\u00e9\u202e\"\\"}))
	l.ok(a.Outcome(l.t.Context(), &logfile.Record{Call: "1", Outcome: logfile.Succeeded}))
	l.ok(a.Intent(l.t.Context(), &logfile.Record{Call: "2"}))
	open = l.copy(cfg.Dir, func(string) {})
	l.ok(a.Close(l.t.Context()))

	cfg.Dir = l.copy(open, func(string) {}) // as a crash leaves it
	key, err := audit.PrepareRotation(cfg.Key.File, nil)
	l.ok(err)
	a, found, err := audit.Open(cfg)
	l.ok(err)
	if len(found.Closed) != 1 {
		l.t.Fatalf("the crash left these calls open: %q", found.Closed)
	}
	l.ok(a.Close(l.t.Context()))
	return cfg.Dir, open, before, key.String()
}

// copy of a log that change has changed.
func (l *logs) copy(from string, change func(dir string)) string {
	dir := l.dir()
	l.ok(os.CopyFS(dir, os.DirFS(from)))
	change(dir)
	return dir
}

func (l *logs) ok(err error) {
	if err != nil {
		l.t.Helper()
		l.t.Fatal(err)
	}
}

func (l *logs) files(dir, pattern string) []string {
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	l.ok(err)
	return names
}

func (l *logs) lines(file string) [][]byte {
	data, err := os.ReadFile(file)
	l.ok(err)
	return bytes.SplitAfter(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
}

// edit rewrites the lines, with their line feeds, of the n-th segment of a copy.
func (l *logs) edit(from string, n int, change func(lines [][]byte) [][]byte) string {
	return l.copy(from, func(dir string) {
		file := l.files(dir, "*.jsonl")[n]
		lines := l.lines(file)
		lines[len(lines)-1] = append(lines[len(lines)-1], '\n')
		l.ok(os.WriteFile(file, bytes.Join(change(lines), nil), 0o600))
	})
}

// replace replaces old by with in line i (from the end when below zero) of the n-th segment.
func (l *logs) replace(from string, n, i int, old, with string) string {
	return l.edit(from, n, func(lines [][]byte) [][]byte {
		i := (i + len(lines)) % len(lines)
		if !bytes.Contains(lines[i], []byte(old)) {
			l.t.Fatalf("%s is not in %s", old, lines[i])
		}
		lines[i] = bytes.Replace(lines[i], []byte(old), []byte(with), 1)
		return lines
	})
}

// splitAt makes two segments of one, the second one beginning with line i. Its number is its first seq, so i+1.
func (l *logs) splitAt(from string, i int) string {
	return l.copy(from, func(dir string) {
		file := l.files(dir, "*.jsonl")[0]
		lines := l.lines(file)
		l.ok(os.WriteFile(file, bytes.Join(lines[:i], nil), 0o600))
		l.ok(os.WriteFile(filepath.Join(dir, fmt.Sprintf("%020d.jsonl", i+1)), append(bytes.Join(lines[i:], nil), '\n'), 0o600))
	})
}

// long adds a record of so many bytes, with its line feed.
func (l *logs) long(from string, length int) string {
	return l.edit(from, 2, func(lines [][]byte) [][]byte {
		line := `{"seq":22,"commit":22,"time":"2026-10-03T04:05:06.000000000Z","kind":"start","note":"`
		return append(lines, []byte(line+strings.Repeat("x", length-len(line)-3)+"\"}\n"))
	})
}

// resize makes the first hashes longer or shorter.
func (l *logs) resize(dir string, by int) {
	file := l.files(dir, "*.hashes")[0]
	data, err := os.ReadFile(file)
	l.ok(err)
	l.ok(os.WriteFile(file, append(data, "12345"...)[:len(data)+by], 0o600))
}

// prune replaces the n-th segment by its hashes.
func (l *logs) prune(from string, n int) string {
	return l.copy(from, func(dir string) {
		file := l.files(dir, "*.jsonl")[n]
		var hashes []byte
		for _, line := range l.lines(file) {
			hash := checkpoint.LeafHash(bytes.TrimSuffix(line, []byte("\n")))
			hashes = append(hashes, hash[:]...)
		}
		l.ok(os.WriteFile(strings.TrimSuffix(file, ".jsonl")+".hashes", hashes, 0o600))
		l.ok(os.Remove(file))
	})
}

// write makes a file that is kept elsewhere.
func (l *logs) write(name, text string) string {
	l.n++
	file := filepath.Join(l.t.TempDir(), fmt.Sprint(l.n, name))
	l.ok(os.WriteFile(file, []byte(text), 0o600))
	return file
}

// copyLine is a line of a file of checkpoints kept elsewhere.
func (l *logs) copyLine(signed string) string {
	c, err := checkpoint.Parse(signed)
	l.ok(err)
	line, err := json.Marshal(map[string]any{
		"log": c.Origin, "size": c.Size, "root": c.Root.String(), "time": c.Time.Format("2006-01-02T15:04:05.000000000Z"), "checkpoint": signed})
	l.ok(err)
	return string(line) + "\n"
}

func (l *logs) zip(dir string) string {
	file := filepath.Join(l.t.TempDir(), "bundle.zip")
	out, err := os.Create(file)
	l.ok(err)
	w := zip.NewWriter(out)
	l.ok(w.AddFS(os.DirFS(filepath.Dir(dir))))
	l.ok(w.Close())
	l.ok(out.Close())
	return file
}

// checkpointBy adds a checkpoint in the name of key, that the signers and no others have signed.
func (l *logs) checkpointBy(log *testlog.Log, key *checkpoint.Key, signers ...*checkpoint.Key) {
	c := checkpoint.Checkpoint{Origin: key.Name(), Size: log.Tree.Size(), Root: log.Tree.Root(), Time: testlog.Start}
	signed, err := c.Sign(signers...)
	l.ok(err)
	log.Add(&logfile.Record{Kind: logfile.KindCheckpoint, Time: c.Time, Key: key.Public().String(), Checkpoint: signed,
		Peaks: checkpoint.FormatHashes(log.Tree.Peaks())})
}

func first(lines [][]byte) [][]byte { return lines[1:] }

func TestWholeLogs(t *testing.T) { check(t, newLogs(t).whole()) }

func (l *logs) whole() []sample {
	key, other := l.key.Public().String(), l.other.Public().String()
	full := l.full()
	var kept, older string
	l.make(func(log *testlog.Log) { older = l.copyLine(log.Last) + `{"log":"cut by a crash` })
	lost := l.make(func(log *testlog.Log) {
		log.Calls(1)
		kept = l.copyLine(log.Last) + l.copyLine(log.Last)
		log.Rekey(l.other, true)
		log.Calls(1)
		kept += l.copyLine(log.Last)
	})
	crash := l.make(func(log *testlog.Log) {
		log.Add(&logfile.Record{Kind: logfile.KindIntent, Call: "a"})
		log.Add(&logfile.Record{Kind: logfile.KindOutcome, Call: "a", Outcome: logfile.Unknown})
		log.Add(&logfile.Record{Kind: logfile.KindStart, Unsigned: 1})
		log.Checkpoint()
		log.Add(&logfile.Record{Kind: logfile.KindIntent, Call: "b"})
		log.Add(&logfile.Record{Kind: logfile.KindStop, Note: "1 call had no outcome"})
		log.Checkpoint()
		log.Rotate()
		log.Add(&logfile.Record{Kind: logfile.KindOutcome, Call: "b", Outcome: logfile.Unknown})
		log.Add(&logfile.Record{Kind: logfile.KindStart})
	})
	pruned := l.prune(l.make(func(log *testlog.Log) {
		log.Calls(1)
		log.Add(&logfile.Record{Kind: logfile.KindIntent, Call: "a"})
		last := log.Seq
		log.Rotate()
		log.Add(&logfile.Record{Kind: logfile.KindOutcome, Call: "a"})
		log.Add(&logfile.Record{Kind: logfile.KindPrune, First: 1, Last: last})
	}), 0)
	written, live, before, after := l.written()
	zeros := l.edit(full, 2, func(lines [][]byte) [][]byte {
		return append(lines, []byte("{\"se"), make([]byte, 3<<20))
	})
	tail := l.edit(full, 2, func(lines [][]byte) [][]byte { return lines[:len(lines)-1] })
	later := l.copy(full, func(dir string) { l.ok(os.Remove(l.files(dir, "*.jsonl")[0])) })
	hashed := l.prune(l.prune(full, 0), 0)
	both := l.copy(full, func(dir string) {
		l.ok(os.WriteFile(filepath.Join(dir, "00000000000000000001.hashes"), []byte("cut"), 0o600))
		l.ok(os.WriteFile(filepath.Join(dir, "backup.jsonl"), []byte("x"), 0o600))
	})
	grown := l.make(func(log *testlog.Log) { // members that older versions did not write
		l.calls(log, "io", "old")
		log.Calls(1)
		log.Add(&logfile.Record{Kind: logfile.KindIntent, Call: "new", Deprecated: true, Account: "c-17"})
		log.Add(&logfile.Record{Kind: logfile.KindOutcome, Call: "new", Deprecated: true, Account: "c-17"})
	})
	rotated := l.splitAt(l.make(func(log *testlog.Log) { log.Rekey(l.other, false) }), 4)
	const rest = `"commit":22,"time":"2026-10-03T04:05:06.000000000Z","kind":"start"}` + "\n"
	together := l.edit(full, 2, func(lines [][]byte) [][]byte {
		return append(lines, []byte(`{"seq":22,`+rest), []byte(`{"seq":23,`+rest))
	})
	return []sample{
		{Name: "several segments and two keys", Log: full},
		{Name: "two records of one commit", Log: together, Allow: true},
		{Name: "segment that begins with a checkpoint of two keys", Log: rotated, Keys: []string{key, other}},
		{Name: "line of 65536 bytes", Log: l.long(full, 65536), Allow: true},
		{Name: "checkpoint that is older than a bundle", Log: filepath.Dir(later), Copies: []string{l.write("copies", older)}},
		{Name: "log of the gateway's writer", Log: written, Keys: []string{before, after}},
		{Name: "log that is being written", Log: live, Keys: []string{before}, Allow: true},
		{Name: "bundle that begins with a checkpoint of two keys, the old one given", Log: filepath.Dir(l.copy(rotated, func(dir string) {
			l.ok(os.Remove(l.files(dir, "*.jsonl")[0]))
		})), Keys: []string{key}},
		{Name: "first key given", Log: full, Keys: []string{key}},
		{Name: "second key given", Log: full, Keys: []string{other}},
		{Name: "key lost", Log: lost},
		{Name: "key lost, both given, and checkpoints", Log: lost, Keys: []string{key, other}, Copies: []string{l.write("copies", kept)}},
		{Name: "checkpoints among partial lines, the last without its line feed", Log: lost,
			Copies: []string{l.write("copies", kept[:50]+"\n"+kept[:9]+"\x00\x00\n\x00\n"+strings.TrimSuffix(kept, "\n"))}},
		{Name: "key lost, the new one given", Log: lost, Keys: []string{other}},
		{Name: "calls with account and deprecated, and without", Log: grown},
		{Name: "crash and stop", Log: crash},
		{Name: "pruned", Log: pruned, Keys: []string{key}},
		{Name: "incomplete line and zeros at the end", Log: zeros, Allow: true},
		{Name: "unsigned records, allowed", Log: tail, Allow: true},
		{Name: "hashes and segment", Log: both},
		{Name: "bundle that begins with a checkpoint", Log: filepath.Dir(later), Keys: []string{other}},
		{Name: "bundle that begins with hashes", Log: filepath.Dir(hashed)},
		{Name: "archive", Log: l.zip(full)},
		{Name: "archive that begins with a checkpoint", Log: l.zip(later), Keys: []string{other}},
	}
}

func TestTamperedLogs(t *testing.T) { check(t, newLogs(t).tampered()) }

func (l *logs) tampered() []sample {
	forged := func(forge func(*logfile.State)) string {
		return l.make(func(log *testlog.Log) {
			log.Checkpoint()
			log.Add(&logfile.Record{Kind: logfile.KindIntent, Call: "a", Effect: "spend", SignatureHash: strings.Repeat("ab", 32), SignatureDate: testlog.Start.Add(time.Second)})
			log.Forge = forge
			log.Checkpoint()
			log.Forge = nil
		})
	}
	key, other, foreign := l.key.Public().String(), l.other.Public().String(), newKey(l.t)
	var note string
	full := l.full()
	grown := l.make(func(log *testlog.Log) {
		log.Calls(3)
		log.Rotate()
		log.Calls(3)
		log.Checkpoint()
		note = log.Last
	})
	kept := func(text string) []string { return []string{l.write("note", text)} }
	end := func(write func(*testlog.Log)) string {
		dir := l.dir()
		log := testlog.New(dir, l.key)
		log.Calls(1)
		write(log)
		log.Flush()
		return dir
	}
	line := func(n, i int, old, with string) string { return l.replace(full, n, i, old, with) }
	stray := func(dir string, n, i int, member string, at int) string { return l.bump(dir, n, i, member, at) }
	var elsewhere string
	l.make(func(log *testlog.Log) {
		log.Add(&logfile.Record{Kind: logfile.KindRefusal})
		log.Checkpoint()
		elsewhere = log.Last
	})
	lost := l.make(func(log *testlog.Log) { log.Rekey(l.other, true) })
	unrelated, err := checkpoint.NewKey("tollgate/other")
	l.ok(err)
	hashed := l.prune(full, 0)
	rotated := l.splitAt(l.make(func(log *testlog.Log) { log.Rekey(l.other, false) }), 4)
	pruning := l.make(func(log *testlog.Log) {
		log.Rotate()
		log.Add(&logfile.Record{Kind: logfile.KindPrune, First: 1, Last: 3})
	})
	restarted := l.make(func(log *testlog.Log) {
		log.Rotate()
		log.Add(&logfile.Record{Kind: logfile.KindStart})
		log.Add(&logfile.Record{Kind: logfile.KindOutcome, Call: "a"})
	})
	unsigned := l.splitAt(end(func(log *testlog.Log) {
		log.Add(&logfile.Record{Kind: logfile.KindKey, Key: foreign.Public().String(), PreviousKey: key})
		l.checkpointBy(log, foreign, l.key, l.other)
	}), 6)
	return append(l.badLines(full), []sample{
		{Name: "line removed", Log: l.edit(full, 0, func(x [][]byte) [][]byte { return slices.Delete(x, 3, 4) }), want: "record 5, 00000000000000000001.jsonl byte"},
		{Name: "first line removed", Log: l.edit(full, 0, first), want: "seq is 2, where 1 follows"},
		{Name: "line twice", Log: l.edit(full, 0, func(x [][]byte) [][]byte { return slices.Insert(x, 4, x[3]) }), want: "seq is 4, where 5 follows"},
		{Name: "lines swapped", Log: l.edit(full, 0, func(x [][]byte) [][]byte { x[4], x[5] = x[5], x[4]; return x }), want: "seq is 6, where 5 follows"},
		{Name: "amount changed", Log: line(0, 3, "order_id", "order_ie"),
			want: "records 4 to 8, 00000000000000000001.jsonl byte 688: these are not the records that record 9 signs"},
		{Name: "time changed in the last record", Log: line(2, -1, `"time":"2026`, `"time":"2027`), want: "not the one that follows from its note"},
		{Name: "end cut behind a checkpoint", Log: l.edit(grown, 1, func(x [][]byte) [][]byte { return x[:1] }), Copies: kept(note), want: "is larger than the log"},
		{Name: "end cut before a checkpoint kept elsewhere", Log: l.copy(grown, func(d string) { l.ok(os.Remove(l.files(d, "*.jsonl")[1])) }),
			Copies: kept(note), Allow: true, want: "is larger than the log"},
		{Name: "checkpoint of another history", Log: grown, Copies: kept(elsewhere), want: "kept elsewhere"},
		{Name: "line of a copy changed", Log: grown, Copies: kept(strings.Replace(note, "\n16\n", "\n15\n", 1)), want: "signed by no key"},
		{Name: "first segment missing", Log: l.copy(full, func(d string) { l.ok(os.Remove(l.files(d, "*.jsonl")[0])) }), want: "the files before it are missing"},
		{Name: "middle segment missing", Log: l.copy(full, func(d string) { l.ok(os.Remove(l.files(d, "*.jsonl")[1])) }), want: "the file begins with record 16, where 9 follows"},
		{Name: "no segment", Log: l.copy(full, func(d string) { l.ok(os.RemoveAll(d)); l.ok(os.Mkdir(d, 0o700)) }), want: "there is no segment here"},
		{Name: "closed segment with an incomplete line", Log: l.edit(full, 0, func(x [][]byte) [][]byte { return append(x, []byte("{")) }), want: "does not end with a line feed"},
		{Name: "closed segment with zeros", Log: l.edit(full, 0, func(x [][]byte) [][]byte { return append(x, make([]byte, 512)) }), want: "does not end with a line feed"},
		{Name: "long line", Log: l.edit(full, 0, func(x [][]byte) [][]byte { return append(x, bytes.Repeat([]byte("x"), 70000), []byte("\n")) }), want: "longer than 65536 bytes"},
		{Name: "foreign key given", Log: full, Keys: []string{foreign.Public().String()}, want: "has signed nothing here"},
		{Name: "the old key of a lost key's log", Log: lost, Keys: []string{key}, want: "a key was lost"},
		{Name: "rotation without the old key", Log: end(func(log *testlog.Log) {
			log.Add(&logfile.Record{Kind: logfile.KindKey, Key: foreign.Public().String(), PreviousKey: key})
			l.checkpointBy(log, foreign, foreign)
		}), want: "has 1 signature, and needs 2"},
		{Name: "rotation from another key", Log: end(func(log *testlog.Log) {
			log.Add(&logfile.Record{Kind: logfile.KindKey, Key: foreign.Public().String(), PreviousKey: other, KeyLost: true})
			l.checkpointBy(log, foreign, foreign)
		}), want: "previous_key is not the key that signs until here"},
		{Name: "checkpoint by another key", Log: end(func(log *testlog.Log) { l.checkpointBy(log, foreign, foreign) }), want: "signs"},
		{Name: "rotation to a lost key's successor", Log: end(func(log *testlog.Log) { log.Rekey(foreign, true) }), Keys: []string{key}, want: "a key was lost"},
		{Name: "open call not stated", Log: forged(func(s *logfile.State) { s.Open = nil }), want: "another oldest call"},
		{Name: "another open call stated", Log: forged(func(s *logfile.State) { s.Open.Seq++ }), want: "another oldest call"},
		{Name: "open call stated elsewhere", Log: forged(func(s *logfile.State) { s.Open.Back++ }), want: "another oldest call"},
		{Name: "signature not stated", Log: forged(func(s *logfile.State) { s.Signatures = nil }), want: "other signatures"},
		{Name: "signature stated twice", Log: forged(func(s *logfile.State) { s.Signatures = slices.Concat(s.Signatures, s.Signatures) }), want: "other signatures"},
		{Name: "another date stated", Log: forged(func(s *logfile.State) { s.Signatures[0].Date = testlog.Start }), want: "other signatures"},
		{Name: "earlier checkpoint stated", Log: forged(func(s *logfile.State) { s.Previous.Seq-- }), want: "another checkpoint before it"},
		{Name: "checkpoint stated elsewhere", Log: forged(func(s *logfile.State) { s.Previous.Back-- }), want: "another checkpoint before it"},
		{Name: "another checkpoint stated", Log: forged(func(s *logfile.State) { s.Previous.Hash = l.key.Public().String() }), want: "another checkpoint before it"},
		{Name: "nothing stated behind what states", Log: forged(func(s *logfile.State) { *s = logfile.State{} }), want: "another checkpoint before it"},
		{Name: "peak changed", Log: l.bump(full, 2, -1, `"peaks":["`, 7), want: "the peaks' root"},
		{Name: "peak removed", Log: l.edit(full, 2, func(x [][]byte) [][]byte {
			last := x[len(x)-1]
			peaks := bytes.Index(last, []byte(`"peaks":`))
			end := peaks + bytes.IndexByte(last[peaks:], ']')
			at := bytes.LastIndex(last[:end], []byte(`,"`))
			x[len(x)-1] = slices.Concat(last[:at], last[end:])
			return x
		}), want: "the peaks' root"},
		{Name: "signature changed", Log: l.bump(full, 2, -1, "\u2014 tollgate/test ", 40), want: "the checkpoint is not signed by"},
		{Name: "key hash of a signature changed", Log: l.bump(full, 2, -1, "\u2014 tollgate/test ", 2), want: "the checkpoint is not signed by"},
		{Name: "root changed", Log: l.bump(full, 2, -1, `"checkpoint":"tollgate/test\n20\n`, 2), want: "the peaks' root"},
		{Name: "stray bits in a signature", Log: stray(full, 2, -1, "\u2014 tollgate/test ", 90), want: "a signature is not the base64 of 68 bytes"},
		{Name: "stray bits in a root", Log: stray(full, 2, -1, `\n20\n`, 42), want: "the root is not the base64 of 32 bytes"},
		{Name: "stray bits in a peak", Log: stray(full, 2, -1, `"peaks":["`, 42), want: "a peak is not the base64 of 32 bytes"},
		{Name: "member added to a checkpoint", Log: line(2, -1, `"kind":"checkpoint"`, `"kind":"checkpoint","note":"x"`), want: "not the one that follows"},
		{Name: "escaped differently in a checkpoint", Log: line(2, -1, `"checkpoint":"tollgate`, `"checkpoint":"\u0074ollgate`), want: "not the one that follows"},
		{Name: "unsigned", Log: l.edit(full, 2, func(x [][]byte) [][]byte { return x[:len(x)-1] }), want: "the last 4 records are not signed"},
		{Name: "nothing signed", Log: l.edit(full, 0, func(x [][]byte) [][]byte { return x[:1] }), want: "records"},
		{Name: "hashes without prune record", Log: l.prune(full, 0), want: "records 1 to 8 are not there, and no signed prune record says why"},
		{Name: "hashes of later records", Log: l.prune(full, 1), want: "records behind kept ones were removed"},
		{Name: "intent without outcome", Log: end(func(log *testlog.Log) {
			log.Add(&logfile.Record{Kind: logfile.KindIntent, Call: "a"})
			log.Add(&logfile.Record{Kind: logfile.KindStart})
			log.Checkpoint()
		}), want: "a start behind 1 call without an outcome"},
		{Name: "intent twice", Log: end(func(log *testlog.Log) { l.calls(log, "iai", "a"); log.Checkpoint() }), want: "has an intent already"},
		{Name: "bundle that begins with a checkpoint of two keys, the old one not given", Log: filepath.Dir(l.copy(rotated, func(dir string) {
			l.ok(os.Remove(l.files(dir, "*.jsonl")[0]))
		})), Keys: []string{other}, want: "has 2 signatures, and needs 1"},
		{Name: "bytes behind zeros", Log: l.edit(full, 2, func(x [][]byte) [][]byte { return append(x, make([]byte, 2<<20), []byte("x")) }), Allow: true,
			want: "bytes other than zero stand behind zeros"},
		{Name: "hashes with a prune record that is not signed", Log: l.prune(l.edit(pruning, 1, func(x [][]byte) [][]byte { return x[:len(x)-2] }), 0), Allow: true,
			want: "no signed prune record says why"},
		{Name: "hashes with some bytes more", Log: filepath.Dir(l.copy(hashed, func(dir string) { l.resize(dir, 5) })), want: "the hashes do not end where the next file begins"},
		{Name: "hashes with one less", Log: filepath.Dir(l.copy(hashed, func(dir string) { l.resize(dir, -32) })), want: "the hashes do not end where the next file begins"},
		{Name: "hash changed", Log: filepath.Dir(hashed), Flip: &flip{"00000000000000000001.hashes", 40}, want: "records 1 to 8, 00000000000000000001.hashes byte 0: these are not the records that record 9 signs"},
		{Name: "line of 65537 bytes", Log: l.long(full, 65537), Allow: true, want: "a line is longer than 65536 bytes"},
		{Name: "key of another name", Log: end(func(log *testlog.Log) {
			log.Add(&logfile.Record{Kind: logfile.KindKey, Key: unrelated.Public().String(), PreviousKey: key})
		}), want: "the key is of tollgate/other, the log of tollgate/test"},
		{Name: "refusal of a call with an intent", Log: end(func(log *testlog.Log) {
			log.Add(&logfile.Record{Kind: logfile.KindIntent, Call: "a"})
			log.Add(&logfile.Record{Kind: logfile.KindRefusal, Call: "a"})
			log.Checkpoint()
		}), want: "has an intent already"},
		{Name: "outcome without intent behind a bundle's first start", Log: filepath.Dir(l.copy(restarted, func(dir string) { l.ok(os.Remove(l.files(dir, "*.jsonl")[0])) })),
			want: "which is not open"},
		{Name: "first checkpoint of a bundle without its key's signature", Log: filepath.Dir(l.copy(unsigned, func(dir string) { l.ok(os.Remove(l.files(dir, "*.jsonl")[0])) })),
			Keys: []string{key}, want: "is not signed by"},
		{Name: "outcome without intent", Log: end(func(log *testlog.Log) { l.calls(log, "o", "a"); log.Checkpoint() }), want: "not open"},
		{Name: "outcome twice", Log: end(func(log *testlog.Log) { l.calls(log, "ioo", "a"); log.Checkpoint() }), want: "not open"},
		{Name: "intent behind a stop", Log: end(func(log *testlog.Log) {
			log.Add(&logfile.Record{Kind: logfile.KindStop})
			l.calls(log, "io", "a")
			log.Checkpoint()
		}), want: "behind a stop record"},
		{Name: "incomplete line at the end", Log: l.edit(full, 2, func(x [][]byte) [][]byte { return append(x, []byte("{")) }), want: "an incomplete line"},
		{Name: "commit over two segments", Log: l.splitAt(l.replace(l.make(func(log *testlog.Log) { log.Calls(1) }), 0, 4, `"commit":5`, `"commit":4`), 4),
			want: "commit is 4, where 5 follows"},
		{Name: "old state of a directory", Log: l.copy(grown, func(d string) { l.ok(os.Remove(l.files(d, "*.jsonl")[1])) }), Copies: []string{
			l.write("copies", l.copyLine(note))}, Allow: true, want: "an old state brought back"},
		{Name: "members of a copy changed", Log: grown, Copies: []string{l.write("copies", l.copyLine(strings.Replace(note, "tollgate/", "tollgote/", 2)))}, want: "signed by no key"},
		{Name: "signature by the old key behind a rotation", Log: end(func(log *testlog.Log) { log.Rekey(l.other, false); log.Checkpoint(l.key) }), want: "has 2 signatures, and needs 1"},
		{Name: "signatures in the wrong order", Log: end(func(log *testlog.Log) {
			log.Add(&logfile.Record{Kind: logfile.KindKey, Key: other, PreviousKey: key})
			l.checkpointBy(log, l.other, l.other, l.key)
		}), want: "is not signed by"},
		{Name: "two keys without a checkpoint between", Log: end(func(log *testlog.Log) {
			log.Add(&logfile.Record{Kind: logfile.KindKey, Key: other, PreviousKey: key})
			log.Add(&logfile.Record{Kind: logfile.KindKey, Key: foreign.Public().String(), PreviousKey: other})
		}), want: "no checkpoint stands between"},
		{Name: "the same key again", Log: end(func(log *testlog.Log) { log.Add(&logfile.Record{Kind: logfile.KindKey, Key: key, PreviousKey: key}) }), want: "signs already"},
		{Name: "no key record", Log: l.edit(full, 0, func(x [][]byte) [][]byte { return slices.Delete(x, 1, 2) }), want: "a checkpoint before the first key record"},
		{Name: "prune of records to come", Log: end(func(log *testlog.Log) {
			log.Add(&logfile.Record{Kind: logfile.KindPrune, First: 1, Last: 99})
			log.Checkpoint()
		}), want: "are not records before this one"},
	}...)
}

// badLines are logs that end in a line that is no record, or not the one that follows, and that nothing signs.
func (l *logs) badLines(full string) []sample {
	const time = `"time":"2026-10-03T04:05:06.000000000Z","kind":`
	var out []sample
	for _, bad := range []struct{ line, want string }{
		{`{"seq":22,"commit":22,` + time + `"refusal","note":"a","note":"b"}`, "a name occurs twice"},
		{`{"seq":22,"commit":22,` + time + `"refusal","fields":[{"name":"a","name":"b"}]}`, "a name occurs twice"},
		{`{"seq":22,"commit":22,` + time + `"refusal", "note":"a b"}`, "white space outside strings"},
		{`{"seq":22,"commit":22,` + time + `"refusal"}` + "\r", "white space outside strings"},
		{`{"seq":22,"commit":22,` + time + `"refusal","note":"` + "\xff" + `"}`, "not a record"},
		{`{"seq":22,"commit":22,` + time + `"refusal","note":NaN}`, "not a record"},
		{`{"seq":22,"commit":22,` + time + `"rumour"}`, "not a record"},
		{`{"seq":22.0,"commit":22,` + time + `"refusal"}`, "not a record"},
		{`{"seq":"22","commit":22,` + time + `"refusal"}`, "not a record"},
		{`{"seq":22,"commit":22,"time":"yesterday","kind":"refusal"}`, "not a record"},
		{`{"seq":22,"commit":22,"time":"2026-02-30T04:05:06.000000000Z","kind":"refusal"}`, "not a record"},
		{`[22]`, "not a record"},
		{``, "not a record"},
		{strings.Repeat("[", 60000), "not a record"},
		{`{"seq":22,"commit":23,` + time + `"refusal"}`, "commit is 23, where 22 follows"},
		{`{"seq":22,"commit":21,` + time + `"refusal"}`, "commit is 21, where 22 follows"},
		{`{"seq":22,"commit":20,` + time + `"refusal"}`, "commit is 20, where 22 follows"},
		{`{"seq":23,"commit":23,` + time + `"refusal"}`, "seq is 23, where 22 follows"},
	} {
		out = append(out, sample{Name: fmt.Sprintf("line %.90q", bad.line), Allow: true, want: bad.want,
			Log: l.edit(full, 2, func(x [][]byte) [][]byte { return append(x, []byte(bad.line+"\n")) })})
	}
	return out
}

// calls adds intents (i) and outcomes (o) of one call.
func (l *logs) calls(log *testlog.Log, kinds, call string) {
	for _, kind := range strings.ReplaceAll(kinds, "a", "") {
		log.Add(&logfile.Record{Kind: map[rune]logfile.Kind{'i': logfile.KindIntent, 'o': logfile.KindOutcome}[kind], Call: call})
	}
}

// bump turns the base64 character that stands at places behind the text before into the next one.
func (l *logs) bump(from string, n, i int, before string, at int) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/A"
	return l.edit(from, n, func(lines [][]byte) [][]byte {
		line := lines[(i+len(lines))%len(lines)]
		p := bytes.Index(line, []byte(before))
		if p < 0 {
			l.t.Fatalf("%s is not in %s", before, line)
		}
		p += len(before) + at
		line[p] = digits[strings.IndexByte(digits, line[p])+1]
		return lines
	})
}

// One byte of seven is another one, once (in a soak: each).
func TestChangedBytes(t *testing.T) {
	l := newLogs(t)
	full := l.full()
	var samples []sample
	for _, file := range l.files(full, "*.jsonl") {
		data, err := os.ReadFile(file)
		l.ok(err)
		for at := range soaktest.Some(len(data), 7) {
			samples = append(samples, sample{Log: full, Flip: &flip{filepath.Base(file), at}})
		}
	}
	for i, found := range faults(t, samples) {
		if len(found) == 0 {
			t.Errorf("no fault with byte %d of %s changed", samples[i].Flip.At, samples[i].Flip.File)
		}
	}
}

// signatures returns the verdicts of verify.py on lines of public key, message and signature.
const signatures = `
import sys, verify
for line in sys.stdin:
    key, message, signature = (bytes.fromhex(text) for text in line.strip().split(":"))
    print(verify.ed25519_verify(key, message, signature))
`

func TestEd25519Vectors(t *testing.T) {
	data, err := os.ReadFile("testdata/rfc8032.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, vectors, _ := bytes.Cut(data, []byte("\n"))
	if got, want := string(python(t, signatures, vectors)), strings.Repeat("True\n", 5); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// points returns what verify.py decodes from 32 bytes each.
const points = `
import sys, verify
for line in sys.stdin:
    p = verify.decode_point(bytes.fromhex(line.strip()))
    if p and (p[1]*p[1] - p[0]*p[0] - 1 - verify.D * p[0]*p[0]*p[1]*p[1]) % verify.P:
        print("not on the curve", p)
    else:
        print("point" if p else "none")
`

// RFC 8032 section 5.1.3: y is below p, there is an x for it, and an x of 0 has no sign.
func TestEd25519Points(t *testing.T) {
	zeros := strings.Repeat("0", 62)
	input := strings.Join([]string{"01" + zeros, "01" + zeros[:60] + "80", "ed" + strings.Repeat("f", 60) + "7f", "ee" + strings.Repeat("f", 60) + "7f",
		"ec" + strings.Repeat("f", 60) + "7f", "02" + zeros, "03" + zeros, "04" + zeros}, "\n")
	if got, want := strings.Fields(string(python(t, points, []byte(input)))), strings.Fields("point none none none point none point point"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// What crypto/ed25519 accepts and what it refuses.
func TestEd25519LikeGo(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 32))
	var input bytes.Buffer
	var want []bool
	add := func(key ed25519.PublicKey, message, signature []byte) {
		fmt.Fprintf(&input, "%x:%x:%x\n", []byte(key), message, signature)
		want = append(want, ed25519.Verify(key, message, signature))
	}
	for range 40 {
		seed := make([]byte, ed25519.SeedSize)
		for i := range seed {
			seed[i] = byte(rng.Uint32())
		}
		private := ed25519.NewKeyFromSeed(seed)
		public, message := private.Public().(ed25519.PublicKey), seed[:rng.IntN(20)]
		good := ed25519.Sign(private, message)
		add(public, message, good)
		add(public, message, plusOrder(good))
		bad := slices.Clone(good)
		bad[rng.IntN(64)] ^= 1 << rng.IntN(8)
		add(public, message, bad)
		other := slices.Clone(public)
		other[rng.IntN(32)] ^= 1 << rng.IntN(8)
		add(other, message, good)
	}
	for i, got := range strings.Fields(string(python(t, signatures, input.Bytes()))) {
		if (got == "True") != want[i] {
			t.Errorf("verify.py says %s, Go %t of %s", got, want[i], bytes.Split(input.Bytes(), []byte("\n"))[i])
		}
	}
}

// plusOrder is the same signature with S + L, which only a check of S < L refuses.
func plusOrder(signature []byte) []byte {
	order, _ := new(big.Int).SetString("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 16)
	s := slices.Clone(signature[32:])
	slices.Reverse(s)
	sum := order.Add(order, new(big.Int).SetBytes(s)).FillBytes(make([]byte, 32))
	slices.Reverse(sum)
	return append(slices.Clone(signature[:32]), sum...)
}

// hex is spelt out once, so that a changed file of vectors is seen.
func TestVectorsAreGood(t *testing.T) {
	data, err := os.ReadFile("testdata/rfc8032.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n")[1:] {
		parts := strings.Split(line, ":")
		key, _ := hex.DecodeString(parts[0])
		message, _ := hex.DecodeString(parts[1])
		signature, _ := hex.DecodeString(parts[2])
		if !ed25519.Verify(key, message, signature) {
			t.Errorf("not signed: %.70s", line)
		}
	}
}

// The command line: what it prints, and its exit status.
func TestCommandLine(t *testing.T) {
	l := newLogs(t)
	full := l.full()
	broken := l.edit(full, 0, first)
	one := l.replace(full, 0, 3, "order_id", "order_ie")
	var copied string
	l.make(func(log *testlog.Log) { copied = l.copyLine(log.Last) })
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{full, "--key", l.key.Public().String()}, 0, ", as given\n"},
		{[]string{full}, 0, "log tollgate/test, records 1 to 21, 2026-10-03T04:05:07.000000000Z to 2026-10-03T04:05:27.000000000Z\n"},
		{[]string{broken}, 1, "FAULT record 2, 00000000000000000001.jsonl byte 0: seq is 2, where 1 follows\n"},
		{[]string{full, "--key", l.write("keys", "# signs from record 2 on\n"+l.key.Public().String()+"\n"+l.other.Public().String()+"\n")}, 0, "as given\n"},
		{[]string{full, "--key", l.write("keys", "# no key\n")}, 2, "has no public key"},
		{[]string{"--bundle", filepath.Dir(full)}, 0, "\nwhole\n"},
		{[]string{"--bundle", full}, 2, "error:"},
		{[]string{filepath.Dir(full)}, 2, "is verified with --bundle"},
		{[]string{one}, 1, "NOT WHOLE: 1 fault\n"},
		{[]string{full, "--checkpoint-every", "0"}, 2, "--checkpoint-every is up to 3600"},
		{[]string{filepath.Join(full, "nothing")}, 2, "error:"},
		{[]string{l.write("bundle.zip", "no archive")}, 2, "not a zip file"},
		{[]string{full, "--key", "tollgate"}, 2, "NAME+HASH+KEY"},
		{[]string{full, "--key", regexp.MustCompile(`\+.{8}\+`).ReplaceAllString(l.key.Public().String(), "+01234567+")}, 2, "hash is not that of its name and key"},
		{[]string{full, "--since-checkpoint", l.write("copy", strings.Replace(copied, `"size":2,`, `"size":3,`, 1))}, 2, "not those of its checkpoint"},
		{[]string{full, "--since-checkpoint", l.write("copy", copied[:50]+"\n{\n\x00\n")}, 2, "has no whole line"},
		{[]string{full, "--since-checkpoint", l.write("note", "x")}, 2, "four lines"},
		{nil, 2, "usage:"},
	} {
		out, err := exec.Command("python3", append([]string{"-B", "verify.py"}, c.args...)...).CombinedOutput()
		status := 0
		if exit, ok := err.(*exec.ExitError); ok {
			status = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if status != c.status || !strings.Contains(string(out), c.want) {
			t.Errorf("%q: exit status %d, want %d, and %q:\n%s", c.args, status, c.status, c.want, out)
		}
	}
}

// TestFolderInALog has a log with segments of its own and a whole log in a folder log in it: the verdict is that of the folder that was named.
func TestFolderInALog(t *testing.T) {
	l := newLogs(t)
	whole := l.full()
	tampered := l.replace(whole, 0, 3, "order_id", "order_ie")
	l.ok(os.CopyFS(filepath.Join(tampered, "log"), os.DirFS(whole)))
	for args, want := range map[string]int{tampered: 1, "--bundle " + tampered: 0} {
		cmd := exec.Command("python3", append([]string{"-B", "verify.py"}, strings.Fields(args)...)...)
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("%s: exit status %d, want %d\n%s", args, got, want, out)
		}
	}
}

// TestFiles has files that are no part of a log, and others in the place of those that are.
func TestFiles(t *testing.T) {
	l := newLogs(t)
	whole := l.full()
	changed := func(change func(dir string) error) string {
		return l.copy(whole, func(dir string) { l.ok(change(dir)) })
	}
	segment := logfile.SegmentName(1)
	link := changed(func(dir string) error {
		return errors.Join(os.Remove(filepath.Join(dir, segment)), os.Symlink(filepath.Join(whole, segment), filepath.Join(dir, segment)))
	})
	pipe := changed(func(dir string) error {
		return errors.Join(os.Remove(filepath.Join(dir, segment)), syscall.Mkfifo(filepath.Join(dir, segment), 0o600))
	})
	folder := changed(func(dir string) error { return os.Mkdir(filepath.Join(dir, logfile.SegmentName(22)), 0o700) })
	check(t, []sample{
		{Name: "numbers that no segment has", Log: changed(func(dir string) error {
			return errors.Join(os.WriteFile(filepath.Join(dir, strings.Repeat("0", 20)+".jsonl"), nil, 0o600), os.WriteFile(filepath.Join(dir, strings.Repeat("9", 20)+".jsonl"), nil, 0o600))
		})},
		{Name: "link", Log: link, want: "is no regular file"},
		{Name: "pipe", Log: pipe, want: "is no regular file"},
		{Name: "directory", Log: folder, want: "is no regular file"},
		{Name: "link in a bundle", Log: filepath.Dir(link), want: "is no regular file"},
		{Name: "pipe beside a bundle", Log: filepath.Dir(changed(func(dir string) error {
			return syscall.Mkfifo(filepath.Join(filepath.Dir(dir), "key.txt"), 0o600)
		})), want: "key.txt is no regular file"},
		{Name: "log that is a link", Log: filepath.Dir(changed(func(dir string) error { return errors.Join(os.RemoveAll(dir), os.Symlink(whole, dir)) })), want: "log is a link"},
		{Name: "archive of a log and its end elsewhere", Log: l.zip(changed(func(dir string) error {
			name, elsewhere := filepath.Base(l.files(dir, "*.jsonl")[2]), filepath.Join(filepath.Dir(dir), "x", "log")
			return errors.Join(os.MkdirAll(elsewhere, 0o700), os.Rename(filepath.Join(dir, name), filepath.Join(elsewhere, name)))
		})), want: "more than one log"},
	})
}

// TestPrunedMeanwhile has segments pruned while the log is read.
func TestPrunedMeanwhile(t *testing.T) {
	l := newLogs(t)
	whole := l.make(func(log *testlog.Log) {
		log.Rotate()
		log.Calls(1)
		last := log.Seq
		log.Rotate()
		log.Add(&logfile.Record{Kind: logfile.KindPrune, First: 1, Last: last})
	})
	python(t, fmt.Sprintf(`
import verify
class Pruned(verify.Files):
    def open(self, name):
        stream = super().open(name)
        self.log = %q
        return stream
for log in %q, %q:
    files = Pruned(%q)
    files.log = log
    verifier = verify.Verifier(files)
    assert verifier.run() and verifier.removed, verifier.faults
`, l.prune(l.prune(whole, 0), 0), whole, l.prune(whole, 0), whole), nil)
}

// inUse runs verify.py on a log whose lock it holds, at a time.
const inUse = `
import fcntl, sys, verify
held = open(sys.argv[1] + "/lock", "w")
fcntl.flock(held, fcntl.LOCK_EX)
verify.time.time = lambda: float(sys.argv[2])
assert verify.TAIL_RECORDS == 65536
verify.TAIL_RECORDS = 2  # or making the records would take too long
sys.exit(verify.main(sys.argv[1:2] + sys.argv[3:]))
`

// TestTail has unsigned records in a log whose lock is held: only as many, as old and as late ones pass as a gateway can leave.
func TestTail(t *testing.T) {
	l := newLogs(t)
	tail := func(n int, apart time.Duration) string {
		dir := l.dir()
		log := testlog.New(dir, l.key) // ends with record 3, a checkpoint
		for i := range n {
			log.Add(&logfile.Record{Kind: logfile.KindRefusal, Time: testlog.Start.Add(time.Duration(i) * apart)})
		}
		log.Flush()
		return dir
	}
	short, partial := tail(3, time.Second), tail(0, 0)
	f, err := os.OpenFile(filepath.Join(partial, logfile.SegmentName(1)), os.O_APPEND|os.O_WRONLY, 0)
	l.ok(err)
	_, err = f.WriteString(`{"seq":4`)
	l.ok(errors.Join(err, f.Close()))
	for _, c := range []struct {
		dir    string
		now    int // seconds behind the first unsigned record
		args   []string
		status int
		want   string
	}{
		{short, 2, nil, 0, "note: the log is being written; the last 3 records are not signed yet"},
		{short, 40, nil, 0, "not signed yet"},
		{short, 41, nil, 1, "FAULT records 4 to 6, 00000000000000000001.jsonl byte 688: the last 3 records are not signed, though of another time"},
		{short, 2 - 41, nil, 1, "though of another time"},
		{short, 90, []string{"--checkpoint-every", "60"}, 0, "not signed yet"},
		{short, 9999, []string{"--allow-unsigned"}, 0, "whole"},
		{short, 2, []string{"--checkpoint-records", "1"}, 0, "not signed yet"},
		{tail(4, time.Second), 2, []string{"--checkpoint-records", "1"}, 1, "the last 4 records are not signed, more than"},
		{partial, 2, nil, 0, "\nwhole\n"},
	} {
		now := fmt.Sprint(testlog.Start.Unix() + int64(c.now))
		cmd := exec.Command("python3", append([]string{"-B", "-c", inUse, c.dir, now}, c.args...)...)
		cmd.Env = append(os.Environ(), "PYTHONPATH=.")
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != c.status || !strings.Contains(string(out), c.want) {
			t.Errorf("%s, %d s, %q: exit status %d, want %d, and %q\n%s", c.dir, c.now, c.args, got, c.status, c.want, out)
		}
	}
}

// TestOldPython: the grammar is that of Python 3.6, which has all that is used, and below it the exit status is that of a log that
// could not be verified. In all versions that is said before anything is imported that older ones lack.
func TestOldPython(t *testing.T) {
	python(t, `
import ast
tree = ast.parse(open("verify.py").read(), feature_version=(3, 6))
kinds = [type(node).__name__ for node in tree.body]
assert kinds[:3] == ["Expr", "Import", "If"], kinds
assert [name.name for name in tree.body[1].names] == ["sys"]
newer = {"fromisoformat", "reconfigure", "removeprefix", "removesuffix", "isascii", "bit_count"}
used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
assert not used & newer, used & newer
`, nil)
	for version, want := range map[string]string{"(2, 7, 18)": "this is 2.7", "(3, 5, 9)": "this is 3.5"} {
		cmd := exec.Command("python3", "-B", "-c", "import runpy, sys; sys.version_info = "+version+"; runpy.run_path('verify.py', run_name='__main__')")
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != 2 || !strings.Contains(string(out), want) {
			t.Errorf("%s: exit status %d\n%s", version, got, out)
		}
	}
}

// TestNotVerified: after an unexpected error of verify.py there is no verdict.
func TestNotVerified(t *testing.T) {
	dir := newLogs(t).full()
	program := "import json, runpy, sys; json.loads = None; sys.argv = ['verify.py', " + fmt.Sprintf("%q", dir) + "]; runpy.run_path('verify.py', run_name='__main__')"
	cmd := exec.Command("python3", "-B", "-c", program)
	out, _ := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != 2 || !strings.Contains(string(out), "Traceback") {
		t.Errorf("exit status %d\n%s", got, out)
	}
}

// TestBundlesOfBefore verifies bundles that were made before records had events, with both verifiers, packed and unpacked.
func TestBundlesOfBefore(t *testing.T) {
	for _, name := range []string{"testdata/bundle.zip", "testdata/bundle-part.zip"} {
		z, err := zip.OpenReader(name)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		folder := filepath.Join(t.TempDir(), "unpacked")
		if err := os.CopyFS(folder, z); err != nil {
			t.Fatal(err)
		}
		for _, place := range []string{name, folder} {
			log, meta, closer, err := export.Open(place)
			if err != nil {
				t.Fatal(err)
			}
			defer closer.Close()
			r, err := verify.Verify(t.Context(), log, verify.Options{Bundle: true, Keys: meta.Keys[len(meta.Keys)-1:]})
			if err != nil || !r.Whole() || r.Last != 211 || r.LastCheckpoint != meta.Checkpoint {
				t.Errorf("%s: %v, %+v", place, err, r)
			}
			key := filepath.Join(folder, "key.txt")
			if name != "testdata/bundle.zip" { // the old key signs nothing in the part
				key = meta.Keys[len(meta.Keys)-1].String()
			}
			out, err := exec.Command("python3", "-B", "verify.py", "--bundle", place, "--key", key).CombinedOutput()
			if err != nil || !strings.HasSuffix(string(out), "\nwhole\n") {
				t.Errorf("%s: %v\n%s", place, err, out)
			}
		}
	}
}
