package text

import (
	"os/exec"
	"testing"
)

func TestShellWord(t *testing.T) {
	for _, word := range []string{"tollgate", "./bin/tollgate", "/a b/c", "it's", "$(id)", `"\`, "", "a;b", "*", "~", "a\nb", "http://127.0.0.1:1/x"} {
		out, err := exec.Command("sh", "-c", "printf %s "+ShellWord(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("%q as %s is %q in a shell, %v", word, ShellWord(word), out, err)
		}
	}
	if got := ShellWord("./bin/tollgate"); got != "./bin/tollgate" {
		t.Error(got)
	}
}
