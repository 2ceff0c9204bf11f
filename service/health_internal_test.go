package service

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestHealthPage holds docs/health.md against the texts of the code, both ways: what is constant of a text on the page is in the code, and each
// text of a function that makes reasons, warnings or notes is on the page.
func TestHealthPage(t *testing.T) {
	pieces, all, said := healthPieces(t), strings.Join(textsInCode(t, regexp.MustCompile(`.`), 1), "\n"), textsInCode(t, sayingHealth, 3)
	for _, piece := range pieces {
		if !strings.Contains(all, piece) {
			t.Errorf("docs/health.md has %q, which no text of the code has", piece)
		}
	}
	for _, text := range said {
		if !slices.ContainsFunc(pieces, func(piece string) bool { return strings.Contains(text, piece) }) {
			t.Errorf("docs/health.md lacks %q", text)
		}
	}
	if len(said) < 30 {
		t.Errorf("only %d texts were found in the code", len(said))
	}
}

// sayingHealth matches the functions whose texts /readyz shows.
var sayingHealth = regexp.MustCompile(`^(service/\S+ (\w*[wW]arnings|\w*[nN]otes|readiness|without|differences|unrecordedText|logReason|fleetReadiness)|service/starting.go String|service/pressure.go reasons|fleet/info.go warnings|fleet/freezes/merge.go Lifts|credential/credential.go FixedNote|internal/private/exposure.go Exposure)$`)

// healthPieces returns what is constant of the page's texts: what stands between … and names in capitals.
func healthPieces(t *testing.T) (pieces []string) {
	t.Helper()
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(pageText(t, "../docs/health.md"), -1) {
		for _, piece := range regexp.MustCompile(`…|\bNAME\b|^audit log: |^fleet: `).Split(row[1], -1) { // the prefixes are put before texts of other packages
			if piece = strings.TrimSpace(piece); len(piece) >= 9 {
				pieces = append(pieces, piece)
			}
		}
	}
	return pieces
}

var (
	verbs = regexp.MustCompile(`%[#.\d]*[a-z]`)
	words = regexp.MustCompile(`\p{L}{2,}`)
)

// textsInCode returns the texts of so many words at least in functions, whose verbs for values are ….
func textsInCode(t *testing.T, functions *regexp.Regexp, least int) (texts []string) {
	t.Helper()
	eachFunction(t, func(where string, function ast.Node) {
		if !functions.MatchString(where) {
			return
		}
		ast.Inspect(function, func(n ast.Node) bool {
			e, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			text, _ := constantText(e)
			if text == "" {
				return true
			}
			if text = strings.ReplaceAll(verbs.ReplaceAllString(text, "…"), "%%", "%"); len(words.FindAllString(text, -1)) >= least {
				texts = append(texts, text)
				return false // its parts are no texts of their own
			}
			return true
		})
	})
	return texts
}
