package export

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tollgate/audit/proof"
	"tollgate/internal/testlog"
)

func whole(t testing.TB) []byte {
	t.Helper()
	dir := t.TempDir()
	log := testlog.New(dir, nil)
	log.Calls(4)
	log.Rotate()
	log.Calls(4)
	log.Close()
	l, err := proof.OpenLog(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := Write(&b, l, testlog.Start, testlog.Start.AddDate(0, 0, 1)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// repack writes the archive again, with changed files. A change that returns "" leaves the file out. More files are a name, a
// line feed and a text each.
func repack(t testing.TB, archive []byte, change func(name, text string) string, more ...string) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	put := func(name, text string) {
		f, err := w.Create(name)
		if err == nil && text != "" {
			_, err = io.WriteString(f, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range z.File {
		text, err := fs.ReadFile(z, f.Name)
		if err != nil {
			t.Fatal(err)
		}
		if changed := change(f.Name, string(text)); changed != "" {
			put(f.Name, changed)
		}
	}
	for _, file := range more {
		name, text, _ := strings.Cut(file, "\n")
		put(name, text)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func same(_, text string) string { return text }

func without(gone string) func(name, text string) string {
	return func(name, text string) string {
		if name == gone {
			return ""
		}
		return text
	}
}

func with(there, changed string) func(name, text string) string {
	return func(name, text string) string {
		if name == there {
			return changed
		}
		return text
	}
}

func entry(t testing.TB, archive []byte, name string) string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := fs.ReadFile(z, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// linked returns an archive whose key is a symbolic link once it is unpacked.
func linked(t testing.TB, archive []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: keyName}
	h.SetMode(fs.ModeSymlink | 0o777)
	f, err := w.CreateHeader(h)
	if err == nil {
		_, err = io.WriteString(f, entry(t, archive, keyName))
	}
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		if f.Name == keyName {
			continue
		}
		if err := w.Copy(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tryOpen(archive []byte) error {
	_, _, err := read(bytes.NewReader(archive), int64(len(archive)))
	return err
}

// growths returns two files of proofs: from the checkpoint of a whole bundle, which is the newest, and from another.
func growths(t testing.TB, archive []byte) (own, foreign string) {
	t.Helper()
	_, meta, err := read(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	log := testlog.New(dir, nil)
	log.Close()
	l, err := proof.OpenLog(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Newest()
	if err != nil {
		t.Fatal(err)
	}
	p, err := l.ProveGrowth(s, s)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := p.Encode()
	p.Old = proof.Signed{Note: meta.Checkpoint, Keys: []string{meta.Keys[0].String()}}
	p.New = p.Old
	same, _ := p.Encode()
	return string(same), string(other)
}

func TestForeignArchives(t *testing.T) {
	archive := whole(t)
	own, foreign := growths(t, archive)
	other := whole(t)
	for what, good := range map[string][]byte{
		"as it was":        archive,
		"with its proof":   repack(t, archive, same, consistencyName+"\n"+own),
		"packed again":     repack(t, archive, same, logFolder),
		"without a README": repack(t, archive, without(readmeName)),
	} {
		if err := tryOpen(good); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, bad := range map[string][]byte{
		"nothing":    nil,
		"no archive": []byte("PK"),
		"half of it": archive[:len(archive)/2],
		"no log": repack(t, archive, func(name, text string) string {
			if strings.HasPrefix(name, logFolder) {
				return ""
			}
			return text
		}),
		"no checkpoint":         repack(t, archive, without(checkpointName)),
		"no key":                repack(t, archive, without(keyName)),
		"a key that is none":    repack(t, archive, with(keyName, "x")),
		"another key":           repack(t, archive, with(keyName, entry(t, other, keyName))),
		"another key as well":   repack(t, archive, with(keyName, entry(t, archive, keyName)+entry(t, other, keyName))),
		"another checkpoint":    repack(t, archive, with(checkpointName, entry(t, other, checkpointName))),
		"a link":                linked(t, archive),
		"a proof that is none":  repack(t, archive, same, consistencyName),
		"another proof":         repack(t, archive, same, consistencyName+"\n"+foreign),
		"a file of no bundle":   repack(t, archive, same, "log/lock"),
		"a way out":             repack(t, archive, same, "log/../../00000000000000000001.jsonl"),
		"a name too short":      repack(t, archive, same, "log/1.jsonl"),
		"a record 0":            repack(t, archive, same, "log/00000000000000000000.jsonl"),
		"hashes":                repack(t, archive, same, "log/00000000000000000001.hashes"),
		"a file twice":          repack(t, archive, same, keyName),
		"a text too long":       repack(t, archive, with(readmeName, strings.Repeat("x", maxText+1))),
		"more files than taken": crowded(t),
	} {
		if err := tryOpen(bad); err == nil {
			t.Errorf("%s was taken for a bundle", what)
		}
	}
}

func crowded(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for n := range maxDirectory / 1000 {
		if _, err := w.Create("log/" + strings.Repeat("x", 1000) + string(rune('a'+n%26))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestBomb has an archive whose list claims that one file is as long as many archives.
func TestBomb(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for n := range 2 {
		f, err := w.CreateRaw(&zip.FileHeader{Name: "log/0000000000000000000" + string(rune('1'+n)) + ".jsonl", Method: zip.Deflate, UncompressedSize64: 300_000, CompressedSize64: 1})
		if err == nil {
			_, err = f.Write([]byte{0})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if b.Len()*maxRatio >= 600_000 || b.Len()*maxRatio < 300_000 {
		t.Fatalf("the archive has %d bytes: the sum of its files must be what is too much", b.Len())
	}
	if err := tryOpen(b.Bytes()); err == nil || !strings.Contains(err.Error(), "unpacked") {
		t.Errorf("an archive that grows beyond what deflate can: %v", err)
	}
}

func TestOpenFiles(t *testing.T) {
	dir := t.TempDir()
	if _, _, _, err := Open(filepath.Join(dir, "none")); err == nil {
		t.Error("a file that is not there was opened")
	}
	if _, _, _, err := Open(dir); err == nil {
		t.Error("a directory was opened")
	}
}

func FuzzOpen(f *testing.F) {
	archive := whole(f)
	f.Add(repack(f, archive, func(name, text string) string { return text[:min(len(text), 400)] }))
	f.Add(repack(f, archive, without(verifierName)))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, archive []byte) {
		log, meta, err := read(bytes.NewReader(archive), int64(len(archive)))
		if err != nil {
			return
		}
		if len(meta.Keys) == 0 {
			t.Error("a bundle without a key was opened")
		}
		entries, err := fs.ReadDir(log, ".")
		for _, e := range entries {
			if !known(logFolder + e.Name()) {
				t.Errorf("the log has a file %q", e.Name())
			}
		}
		if err != nil && len(entries) > 0 {
			t.Error(err)
		}
	})
}

// TestOpenFolder opens what an archive was unpacked into, and folders that are not quite that.
func TestOpenFolder(t *testing.T) {
	archive := whole(t)
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(folder string) error
		says   string // in the error; empty: it opens
	}{
		"as it was":               {func(string) error { return nil }, ""},
		"other files at the top":  {func(folder string) error { return os.WriteFile(folder+"/text", nil, 0o600) }, ""},
		"another file in the log": {func(folder string) error { return os.WriteFile(folder+"/log/notes.jsonl", nil, 0o600) }, "which no bundle does"},
		"hashes in the log":       {func(folder string) error { return os.WriteFile(folder+"/log/00000000000000000001.hashes", nil, 0o600) }, "which no bundle does"},
		"a link in the log": {func(folder string) error {
			return os.Symlink("/dev/zero", folder+"/log/00000000000000009999.jsonl")
		}, "which no bundle does"},
		"no log": {func(folder string) error { return os.RemoveAll(folder + "/log") }, "log"},
		"an empty log": {func(folder string) error {
			return errors.Join(os.RemoveAll(folder+"/log"), os.Mkdir(folder+"/log", 0o700))
		}, "no log"},
		"no checkpoint": {func(folder string) error { return os.Remove(folder + "/checkpoint.txt") }, "checkpoint.txt"},
		"a pipe as key": {func(folder string) error {
			return errors.Join(os.Remove(folder+"/key.txt"), unix.Mkfifo(folder+"/key.txt", 0o600))
		}, "no regular file"},
		"a long key": {func(folder string) error { return os.Truncate(folder+"/key.txt", maxText+1) }, "longer than"},
		"a log that is elsewhere": {func(folder string) error {
			return errors.Join(os.Rename(folder+"/log", folder+"-log"), os.Symlink(folder+"-log", folder+"/log"))
		}, "escapes"},
	} {
		folder := filepath.Join(t.TempDir(), "bundle")
		if err := errors.Join(os.CopyFS(folder, z), c.change(folder)); err != nil {
			t.Fatal(err)
		}
		log, _, closer, err := Open(folder)
		if err == nil {
			if names, _ := fs.Glob(log, "*"); len(names) != 2 {
				t.Errorf("%s: %q", name, names)
			}
			err = closer.Close()
		}
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}
