package export_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tollgate/audit/checkpoint"
	"tollgate/audit/export"
	"tollgate/audit/logfile"
	"tollgate/audit/proof"
	"tollgate/internal/soaktest"
	"tollgate/internal/testlog"
)

func openLog(t testing.TB, dir string) *proof.Log {
	t.Helper()
	l, err := proof.OpenLog(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// exported is a bundle in a file, with the log that it was made from.
type exported struct {
	file    string
	summary *export.Summary
	lines   []string // of the log
}

// at is the time of a record of a testlog.
func at(seq int) time.Time { return testlog.Start.Add(time.Duration(seq) * time.Second) }

func exportPeriod(t testing.TB, dir string, from, to time.Time) (exported, error) {
	t.Helper()
	var b bytes.Buffer
	s, err := export.Write(&b, openLog(t, dir), from, to)
	if err != nil {
		return exported{}, err
	}
	e := exported{file: filepath.Join(t.TempDir(), "bundle.zip"), summary: s, lines: make([]string, openLog(t, dir).First()-1)}
	for line, err := range openLog(t, dir).Lines(1) {
		if err != nil {
			t.Fatal(err)
		}
		e.lines = append(e.lines, string(line.Text))
	}
	return e, os.WriteFile(e.file, b.Bytes(), 0o600)
}

// check opens a bundle again: its lines are those of the log, from a checkpoint or the beginning to a checkpoint, the period
// is within, and the tree over them has the root that was signed.
func (e exported) check(t testing.TB) export.Meta {
	t.Helper()
	log, meta, closer, err := export.Open(e.file)
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	names, _ := fs.Glob(log, "*")
	var text []byte
	for _, name := range names {
		part, err := fs.ReadFile(log, name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(part, fmt.Appendf(nil, `{"seq":%s,`, strings.TrimLeft(strings.TrimSuffix(name, ".jsonl"), "0"))) {
			t.Errorf("%s begins with another record", name)
		}
		text = append(text, part...)
	}
	s := e.summary
	if want := strings.Join(e.lines[s.First-1:s.Last], "\n") + "\n"; string(text) != want {
		t.Fatalf("records %d to %d are not those of the log", s.First, s.Last)
	}
	if s.Begin < s.First || s.End > s.Last || s.Checkpoint.Note != meta.Checkpoint || s.Checkpoint.Seq != s.Last {
		t.Errorf("period %d to %d in %d to %d, checkpoint %d", s.Begin, s.End, s.First, s.Last, s.Checkpoint.Seq)
	}
	c, _, err := proof.OpenNote(meta.Checkpoint, meta.Keys...)
	if err != nil || c.Size != s.Last-1 {
		t.Errorf("the checkpoint of %d records: %v", c.Size, err)
	}
	if root := e.root(t); root != c.Root {
		t.Errorf("root %v, signed is %v", root, c.Root)
	}
	if (meta.Consistency == nil) != (s.Newest.Size == s.Checkpoint.Size) {
		t.Error("the proof of growth is there without need, or is not there")
	}
	return meta
}

// root returns the root of the records before the last, beginning with the peaks in the first.
func (e exported) root(t testing.TB) checkpoint.Hash {
	t.Helper()
	tree := new(checkpoint.Tree)
	first := e.summary.First
	if first > 1 {
		var r logfile.Record
		err := json.Unmarshal([]byte(e.lines[first-1]), &r)
		peaks, bad := checkpoint.ParseHashes(r.Peaks)
		if err = errors.Join(err, bad); err == nil {
			tree, err = checkpoint.Resume(first-1, peaks)
		}
		if err != nil {
			t.Fatalf("record %d, with which the bundle begins: %v", first, err)
		}
	}
	for _, line := range e.lines[first-1 : e.summary.Last-1] {
		tree.AddLine([]byte(line))
	}
	return tree.Root()
}

// random makes a log of up to n calls with checkpoints, rotations and changes of key at random places.
func random(t testing.TB, n int, rng *rand.Rand) (dir string, records int) {
	t.Helper()
	dir = t.TempDir()
	log := testlog.New(dir, nil)
	for range n {
		log.Call()
		switch rng.IntN(8) {
		case 0:
			log.Checkpoint()
		case 1:
			log.Rotate()
		case 2:
			key, err := checkpoint.NewKey(log.Key().Name())
			if err != nil {
				t.Fatal(err)
			}
			log.Rekey(key, false)
		}
	}
	log.Close()
	return dir, int(log.Seq)
}

func TestPeriods(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range soaktest.Some(40, 4) {
		dir, records := random(t, 1+n, rng)
		for range 4 {
			from := 1 + rng.IntN(records)
			to := from + 1 + rng.IntN(records-from+1)
			e, err := exportPeriod(t, dir, at(from), at(to))
			if err != nil {
				t.Fatalf("%d to %d of %d: %v", from, to, records, err)
			}
			e.check(t)
			if s := e.summary; int(s.Begin) != from || int(s.End) != to-1 || s.Total() != to-from || s.Uncovered != 0 {
				t.Errorf("%d to %d: bundle of %d to %d, %d records", from, to-1, s.Begin, s.End, s.Total())
			}
			again, err := exportPeriod(t, dir, at(from), at(to))
			if a, b := contents(t, e.file), contents(t, again.file); err != nil || !bytes.Equal(a, b) {
				t.Errorf("%d to %d: exported again, the bytes are others: %v", from, to, err)
			}
		}
	}
}

func contents(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestVerifier runs the verifier that is in the bundle, as its README says.
func TestVerifier(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	dir, records := random(t, 30, rng)
	for from := 1; from < records; from += 25 {
		e, err := exportPeriod(t, dir, at(from), at(from+7))
		if err != nil {
			t.Fatal(err)
		}
		meta := e.check(t)
		folder := unzip(t, e.file)
		for _, args := range [][]string{{"--bundle", folder}, {e.file, "--key", meta.Keys[len(meta.Keys)-1].String()}} {
			out, err := exec.Command("python3", append([]string{filepath.Join(folder, "verify.py")}, args...)...).CombinedOutput()
			if err != nil {
				t.Errorf("from %d: %v\n%s", from, err, out)
			}
		}
	}
}

// TestVerifierBesideLog: a bundle whose checkpoint or key was replaced by another log's is not whole, unpacked or not.
func TestVerifierBesideLog(t *testing.T) {
	var folders []string
	for range 2 {
		dir := t.TempDir()
		log := testlog.New(dir, nil)
		log.Calls(2)
		log.Close()
		e, err := exportPeriod(t, dir, at(0), at(100))
		if err != nil {
			t.Fatal(err)
		}
		folders = append(folders, unzip(t, e.file))
	}
	for _, name := range []string{"checkpoint.txt", "key.txt"} {
		own := contents(t, filepath.Join(folders[0], name))
		for _, c := range []struct{ text, want string }{
			{string(contents(t, filepath.Join(folders[1], name))), name + " of the bundle is not that of its log"}, {string(own), "whole"},
		} {
			if err := os.WriteFile(filepath.Join(folders[0], name), []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			packed := filepath.Join(t.TempDir(), "packed.zip")
			shell(t, folders[0], "python3 -m zipfile -c "+packed+" log checkpoint.txt key.txt")
			for _, log := range []string{folders[0], packed} {
				out, _ := exec.Command("python3", filepath.Join(folders[0], "verify.py"), "--bundle", log).CombinedOutput()
				if !strings.Contains(string(out), c.want) {
					t.Errorf("%s: %s", log, out)
				}
			}
		}
	}
}

// TestVerifierStrangeEntries: what unpacks to another place or cannot be read is a fault of the archive, not a crash.
func TestVerifierStrangeEntries(t *testing.T) {
	dir := t.TempDir()
	log := testlog.New(dir, nil)
	log.Calls(2)
	log.Close()
	e, err := exportPeriod(t, dir, at(0), at(100))
	if err != nil {
		t.Fatal(err)
	}
	folder := unzip(t, e.file)
	for add, want := range map[string]string{
		"z.writestr('../key', '')": "another place",
		"z.writestr('/key', '')":   "another place",
		"i = zipfile.ZipInfo('key'); i.external_attr = 0o120777 << 16; z.writestr(i, '/etc/passwd')": "as a link",
		"z.infolist()[-1].CRC ^= 1": "cannot be read",
		"pass":                      "whole",
	} {
		shell(t, folder, `cat > pack.py <<'END'
import os, zipfile
with zipfile.ZipFile('strange.zip', 'w') as z:
    for name in ['log/' + n for n in os.listdir('log')] + ['key.txt', 'checkpoint.txt']: z.write(name)
    `+add+`
END
python3 pack.py`)
		cmd := exec.Command("python3", "verify.py", "strange.zip")
		cmd.Dir = folder
		out, _ := cmd.CombinedOutput()
		if !strings.Contains(string(out), want) || strings.Contains(string(out), "Traceback") {
			t.Errorf("%s: %s", add, out)
		}
	}
}

// unzip unpacks a bundle with a program that is not ours.
func unzip(t testing.TB, file string) string {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.Command("python3", "-m", "zipfile", "-e", file, dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// TestReadmeByHand runs the commands of README.txt in a shell: OpenSSL verifies the signature, sha256sum makes the root.
func TestReadmeByHand(t *testing.T) {
	dir, records := random(t, 12, rand.New(rand.NewPCG(5, 6)))
	for _, from := range []int{1, records / 2, records - 3} {
		e, err := exportPeriod(t, dir, at(from), at(from+3))
		if err != nil {
			t.Fatal(err)
		}
		e.check(t)
		folder := unzip(t, e.file)
		blocks := commands(t, string(contents(t, filepath.Join(folder, "README.txt"))))
		if out := shell(t, folder, blocks[0]); !strings.Contains(out, "Signature Verified Successfully") {
			t.Errorf("OpenSSL says: %s", out)
		}
		if out, want := shell(t, folder, blocks[1]), e.summary.Checkpoint.Root.String()+"\n"; out != want {
			t.Errorf("from %d: the root by hand is %q, want %q", from, out, want)
		}
		note := filepath.Join(folder, "checkpoint.txt")
		changed := bytes.Replace(contents(t, note), []byte("time 2"), []byte("time 3"), 1)
		if err := os.WriteFile(note, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if out := shell(t, folder, blocks[0]); strings.Contains(out, "Successfully") {
			t.Errorf("OpenSSL has verified a changed checkpoint: %s", out)
		}
	}
}

// commands returns the commands to be run by hand: the indented blocks below the third point.
func commands(t testing.TB, readme string) []string {
	t.Helper()
	_, byHand, _ := strings.Cut(readme, "\n3. ")
	blocks := regexp.MustCompile(`(?m)(^     .*\n)+`).FindAllString(byHand, -1)
	if len(blocks) != 2 {
		t.Fatalf("README.txt has %d blocks of commands, want 2", len(blocks))
	}
	return blocks
}

func shell(t testing.TB, dir, script string) string {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out)
}

func TestReadme(t *testing.T) {
	dir, _ := random(t, 20, rand.New(rand.NewPCG(7, 8)))
	e, err := exportPeriod(t, dir, at(5), at(9))
	if err != nil {
		t.Fatal(err)
	}
	folder := unzip(t, e.file)
	text := string(contents(t, filepath.Join(folder, "README.txt")))
	for _, want := range []string{"tollgate/test", "numbers 5 to 8", "2026-10-03 04:05:11 UTC", "4 of the period", "consistency.json", "--bundle"} {
		if !strings.Contains(text, want) {
			t.Errorf("README.txt does not have %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "<no value>") || strings.Contains(text, "left out") || strings.Contains(text, "pruned") {
		t.Error(text)
	}
}

func TestNoBundle(t *testing.T) {
	dir := t.TempDir()
	log := testlog.New(dir, nil)
	log.Call()
	log.Flush()
	if _, err := exportPeriod(t, dir, at(4), at(100)); !errors.Is(err, proof.ErrNotCovered) {
		t.Errorf("records that no checkpoint covers: %v", err)
	}
	if _, err := exportPeriod(t, dir, at(100), at(200)); err == nil || !strings.Contains(err.Error(), "no records") {
		t.Errorf("a period without records: %v", err)
	}
	e, err := exportPeriod(t, dir, at(2), at(100))
	if err != nil || e.summary.Uncovered != 2 || e.summary.Last != 3 || e.summary.Total() != 2 {
		t.Fatalf("records of which some are covered: %+v, %v", e.summary, err)
	}
	e.check(t)
	if text := string(contents(t, filepath.Join(unzip(t, e.file), "README.txt"))); !strings.Contains(text, "left out     2 later records") {
		t.Errorf("README.txt does not say what was left out:\n%s", text)
	}
	log.Rotate()
	log.Call()
	log.Close()
	segments, _ := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	text := contents(t, segments[1])
	for i := 0; i < len(text); i += 7 {
		text[i] ^= 4
		if err := os.WriteFile(segments[1], text, 0o600); err != nil {
			t.Fatal(err)
		}
		if e, err := exportPeriod(t, dir, at(7), at(9)); err == nil && i < bytes.LastIndexByte(text[:len(text)-1], '\n') && e.summary.Begin == 7 && e.summary.End == 8 {
			t.Fatalf("byte %d is damaged, and exported", i)
		}
		text[i] ^= 4
	}
}

// TestPruned exports what is left of a log, also when that begins with a checkpoint that two keys signed.
func TestPruned(t *testing.T) {
	dir := t.TempDir()
	log := testlog.New(dir, nil)
	log.Calls(3)
	log.Rotate()
	log.Calls(3)
	log.Close()
	segments, _ := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	var hashes []byte
	for line := range bytes.Lines(contents(t, segments[0])) {
		h := checkpoint.LeafHash(bytes.TrimSuffix(line, []byte("\n")))
		hashes = append(hashes, h[:]...)
	}
	if err := errors.Join(os.WriteFile(strings.TrimSuffix(segments[0], "jsonl")+"hashes", hashes, 0o600), os.Remove(segments[0])); err != nil {
		t.Fatal(err)
	}
	if _, err := exportPeriod(t, dir, at(1), at(5)); err == nil || !strings.Contains(err.Error(), "before 10 are pruned") {
		t.Errorf("a period that is pruned: %v", err)
	}
	e, err := exportPeriod(t, dir, at(1), at(12))
	if err != nil || e.summary.Pruned != 9 || e.summary.First != 10 {
		t.Fatalf("%+v, %v", e.summary, err)
	}
	e.check(t)
	if text := string(contents(t, filepath.Join(unzip(t, e.file), "README.txt"))); !strings.Contains(text, "the records 1 to 9 had been removed") {
		t.Error(text)
	}
}

// TestBehindAnotherKey has a period that begins right behind a change of key: the bundle begins before it, so that the key
// record is in it.
func TestBehindAnotherKey(t *testing.T) {
	dir := t.TempDir()
	log := testlog.New(dir, nil)
	log.Call()
	log.Checkpoint() // record 6
	key, err := checkpoint.NewKey(log.Key().Name())
	if err != nil {
		t.Fatal(err)
	}
	log.Rekey(key, false) // records 7 and 8
	log.Call()
	log.Close()
	e, err := exportPeriod(t, dir, at(9), at(11))
	if err != nil || e.summary.First != 6 {
		t.Fatalf("%+v, %v", e.summary, err)
	}
	if meta := e.check(t); len(meta.Keys) != 2 || meta.Keys[1] != key.Public() {
		t.Errorf("keys %v", meta.Keys)
	}
}
