package export_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/audit/proof"
	"tollgate/review/reviewtest"
)

// proofs returns the proofs of calls of a log: of one record and of two, behind a change of key and before it.
func proofs(t *testing.T) (files [][]byte) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "log")
	made := reviewtest.Log(dir)
	log, err := proof.OpenLog(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{reviewtest.Paid, reviewtest.Held, reviewtest.NotSent, reviewtest.Coupons, reviewtest.Waited} {
		p, err := log.ProveCall(made.Calls[name])
		if err != nil {
			t.Fatal(name, err)
		}
		file, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// proven returns which of some files verify.py takes for proofs.
func proven(t *testing.T, files [][]byte) []bool {
	t.Helper()
	var input bytes.Buffer
	for _, file := range files {
		fmt.Fprintln(&input, base64.StdEncoding.EncodeToString(file))
	}
	out := python(t, `
import base64, sys, verify
for line in sys.stdin:
    try:
        list(verify.verify_proof(base64.b64decode(line)))
        print("proven")
    except (ValueError, RecursionError):
        print("fault")
`, input.Bytes())
	var verdicts []bool
	for word := range strings.FieldsSeq(string(out)) {
		verdicts = append(verdicts, word == "proven")
	}
	if len(verdicts) != len(files) {
		t.Fatalf("%d verdicts on %d files:\n%s", len(verdicts), len(files), out)
	}
	return verdicts
}

// TestProofsInPython holds that verify.py takes the proofs that the Go program makes, and those alone: not one of which any byte is changed, nor one
// that is changed with care.
func TestProofsInPython(t *testing.T) {
	whole := proofs(t)
	files := append([][]byte{}, whole...)
	for i := 0; i < len(whole[0]); i += 41 { // each costs a signature, which takes Python some milliseconds
		changed := bytes.Clone(whole[0])
		changed[i] ^= 1
		files = append(files, changed)
	}
	first, other := string(whole[0]), string(whole[1])
	at, begin := strings.Index(first, `{"line":`), strings.Index(first, `"path":[`)
	files = append(files,
		[]byte(strings.TrimSuffix(first, "\n")), []byte(first+"\n"), []byte(strings.Replace(first, `,"keys"`, `, "keys"`, 1)), nil, []byte("{}\n"), []byte("[]\n"),
		[]byte(strings.Replace(first, `"call":"`, `"call":"x`, 1)), []byte(first[:at]+other[strings.Index(other, `{"line":`):]),
		[]byte(first[:begin]+`"path":[`+strings.Repeat(`"`+strings.Repeat("A", 43)+`=",`, 60)+first[begin+len(`"path":[`):]),
	)
	for i, got := range proven(t, files) {
		p, err := proof.Parse(files[i])
		_, isCall := p.(*proof.Call)
		if want := err == nil && isCall; got != want || want != (i < len(whole)) {
			t.Errorf("file %d: verify.py says %t, Go %t (%v)", i, got, want, err)
		}
	}
}

// TestProofCommand has the command line for proofs.
func TestProofCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "proof.json")
	all := proofs(t)
	keyOf := func(file []byte) string {
		return strings.Split(strings.SplitAfter(string(file), `"keys":["`)[1], `"`)[0]
	}
	whole, key, before := all[0], keyOf(all[0]), keyOf(all[2])
	for _, c := range []struct {
		content, key string
		status       int
		want         string
	}{
		{string(whole), key, 0, "\nproven\n"},
		{string(whole), "", 0, "no --key was given"},
		{strings.Replace(string(whole), "PayOrders", "PayOrderz", 1), key, 1, "NOT PROVEN"},
		{string(whole), before, 1, "which is not the key given"},
		{"{", key, 1, "NOT PROVEN"},
	} {
		if err := os.WriteFile(file, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"-B", "verify.py", file}
		if c.key != "" {
			args = append(args, "--key", c.key)
		}
		cmd := exec.Command("python3", args...)
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != c.status || !strings.Contains(string(out), c.want) {
			t.Errorf("%v: exit status %d, want %d and %q:\n%s", args, got, c.status, c.want, out)
		}
	}
}
