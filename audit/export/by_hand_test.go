package export_test

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/internal/testlog"
)

var (
	shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")
	promise    = regexp.MustCompile(`(?m)&& echo "(.*)"$|^openssl pkeyutl`)
)

const verified = "Signature Verified Successfully" // as openssl says

// byHand runs the commands of docs/audit-by-hand.md in one shell. Of the first block, which has what to check, it uses only the names
// of the variables. It returns what is printed, and what the page promises to be printed.
func byHand(t *testing.T, log, key string, seq int) (out string, promised []string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/audit-by-hand.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, m := range shellBlock.FindAllStringSubmatch(string(page), -1) {
		blocks = append(blocks, m[1])
	}
	if len(blocks) != 6 || !regexp.MustCompile(`^LOG=\S+\nPUB='\S+'\nSEQ=\d+\n$`).MatchString(blocks[0]) {
		t.Fatalf("the page has %d blocks of commands, and the first is %q", len(blocks), blocks[0])
	}
	blocks[0] = fmt.Sprintf("LOG='%s'\nPUB='%s'\nSEQ=%d\n", log, key, seq)
	for _, tool := range []string{"bash", "jq", "xxd", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s, which this test runs, is not installed: run `make tools`", tool)
		}
	}
	commands := strings.Join(blocks, "\n")
	for _, m := range promise.FindAllStringSubmatch(commands, -1) {
		promised = append(promised, cmp.Or(strings.ReplaceAll(m[1], "$SEQ", fmt.Sprint(seq)), verified))
	}
	if len(promised) != 7 {
		t.Fatalf("the page promises %q", promised)
	}
	cmd := exec.Command("bash", "-c", commands)
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	printed, _ := cmd.CombinedOutput() // as in a shell of one's own, the commands go on when one fails
	return string(printed), promised
}

func TestByHand(t *testing.T) {
	l := newLogs(t)
	full := l.full()
	live := l.edit(full, 2, func(lines [][]byte) [][]byte { return append(lines, []byte(`{"seq":22,"com`), make([]byte, 5000)) })
	pruned := l.prune(l.make(func(log *testlog.Log) {
		log.Rotate()
		log.Calls(1)
		log.Add(&logfile.Record{Kind: logfile.KindPrune, First: 1, Last: 3})
	}), 0)
	changed := l.replace(full, 0, 5, `"amount"`, `"amounT"`)
	removed := l.edit(full, 0, func(lines [][]byte) [][]byte { return slices.Delete(lines, 4, 5) })
	other := l.replace(full, 1, 1, `"order_id"`, `"order_iD"`)
	key, second := l.key.Public().String(), l.other.Public().String()
	for _, c := range []struct {
		name, log, key string
		seq            int
		missing        string // the first of the lines that the page promises and that is not printed; empty: all are
	}{
		{"the first record", full, key, 1, ""},
		{"a checkpoint", full, key, 3, ""},
		{"a call", full, key, 6, ""},
		{"before a change of keys, by the old key", full, key, 11, ""},
		{"before a change of keys, by the new key", full, second, 11, ""},
		{"the last signed record", live, second, 20, ""},
		{"behind pruned records", pruned, key, 5, ""},
		{"a record of a segment that another fault does not touch", other, key, 4, ""},
		{"a changed record", changed, key, 6, "the root is the signed one"},
		{"a record beside a changed one", changed, key, 4, "the root is the signed one"},
		{"a record beside one that was removed", removed, key, 4, "no record is missing"},
		{"a key that did not sign", full, second, 6, verified},
		{"another key under the same hash", full, strings.Replace(second, second[len(second)-6:], "AAAAAA", 1), 6, "the key has its hash"},
		{"a record that is not there", full, key, 99, "there is one record 99"},
		{"a record that nothing covers", full, second, 21, "the checkpoint is of this log"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, promised := byHand(t, c.log, c.key, c.seq)
			missing := ""
			for _, line := range promised {
				if !strings.Contains("\n"+out, "\n"+line+"\n") {
					missing = line
					break
				}
			}
			if missing != c.missing {
				t.Errorf("the first line that is not printed is %q, want %q:\n%s", missing, c.missing, out)
			}
		})
	}
}
