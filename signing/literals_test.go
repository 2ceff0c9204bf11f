package signing

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestSchemesStandHereAlone: what a scheme is called, and its headers, no other code of the product knows. The simulator checks
// signatures by itself, on purpose; e2e and bench are modules of their own.
func TestSchemesStandHereAlone(t *testing.T) {
	literal := regexp.MustCompile(`(?i)x-sdk-|x-security-token|sdk-hmac-sha256`)
	root, files, here := os.DirFS(".."), 0, 0
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == "e2e" || name == "bench" || name == "internal/bsssim" || strings.HasPrefix(d.Name(), ".") && name != "."):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		source, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		files++
		found := literal.FindAllString(string(source), -1)
		if strings.HasPrefix(name, "signing/") {
			here += len(found)
		} else if found != nil {
			t.Errorf("%s holds %q", name, found)
		}
		return nil
	})
	if err != nil || files < 200 || here < 5 {
		t.Errorf("%d files read, %d literals of package signing: %v", files, here, err)
	}
}
