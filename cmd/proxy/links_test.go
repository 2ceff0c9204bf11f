package main

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// page is a Markdown file of the repository: its text without code, and the anchors that links into it may name.
type page struct {
	prose   string
	anchors map[string]bool
	titles  map[string]bool
}

var (
	codeSpan   = regexp.MustCompile("`[^`\n]*`")
	linkTarget = regexp.MustCompile(`\]\(([^()\s]+)\)|(?m:^\[[^\]]+\]:\s+(\S+))|(?:href|src|srcset)="([^"]+)"`)
	linkText   = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	explicitID = regexp.MustCompile(`<a (?:id|name)="([^"]+)">`)
	heading    = regexp.MustCompile(`^#{1,6}\s+(.*?)\s*#*$`)
	// docsPath is a manual that other files name, with an anchor or the title of a section: docs/errors.md, "What may be retried?". One
	// of another repository has its name behind it.
	docsPath = regexp.MustCompile(`\bdocs/[\w./-]+\.md(#[\w-]+)?(?:` + "`?" + `, "([^"\n\\]+)")?( of [\w-]+/[\w-]+)?`)
)

// skippedFolders hold what is not of this repository, or is data of tests.
var skippedFolders = []string{".git", "node_modules", "bin", "testdata"}

// eachFile calls f with the name of each text file of the repository, from its root, and its text.
func eachFile(t *testing.T, f func(name, text string)) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(skippedFolders, entry.Name()):
			return fs.SkipDir
		case entry.Type().IsRegular() && isText(entry.Name()):
			f(name, read(t, name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// isText reports whether a file of this name may name a manual: documents, sources, samples, scripts, and files without an extension.
func isText(name string) bool {
	return slices.Contains([]string{"", ".md", ".go", ".yaml", ".yml", ".sh", ".py", ".txt", ".csv", ".json", ".tmpl", ".service"}, path.Ext(name))
}

// slug returns the anchor that GitHub makes of a heading: lower case, no punctuation, hyphens for spaces.
func slug(title string) string {
	title = strings.NewReplacer("`", "", "*", "").Replace(linkText.ReplaceAllString(title, "$1"))
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsNumber(r):
			return unicode.ToLower(r)
		}
		return -1
	}, title)
}

// parsePage reads a Markdown file. Blocks of code have neither links nor headings.
func parsePage(text string) page {
	p := page{anchors: map[string]bool{}, titles: map[string]bool{}}
	var prose strings.Builder
	fence := ""
	for line := range strings.Lines(text) {
		mark := fenceOf(line)
		switch {
		case fence != "" && strings.HasPrefix(mark, fence):
			fence = ""
		case fence != "":
		case mark != "":
			fence = mark
		default:
			p.add(strings.TrimRight(line, "\r\n"))
			prose.WriteString(line)
		}
	}
	p.prose = codeSpan.ReplaceAllString(prose.String(), "")
	return p
}

// fenceOf returns the back-ticks or tildes with which a line opens or closes a block of code.
func fenceOf(line string) string {
	line = strings.TrimLeft(line, " >")
	for _, mark := range []string{"`", "~"} {
		if n := len(line) - len(strings.TrimLeft(line, mark)); n >= 3 {
			return line[:n]
		}
	}
	return ""
}

// add notes the anchors of a line. The second heading of one title ends in -1, the third in -2.
func (p page) add(line string) {
	for _, match := range explicitID.FindAllStringSubmatch(line, -1) {
		p.anchors[match[1]] = true
	}
	match := heading.FindStringSubmatch(line)
	if match == nil {
		return
	}
	p.titles[strings.ReplaceAll(match[1], "`", "")] = true
	anchor, n := slug(match[1]), 0
	for unique := anchor; ; unique = anchor + "-" + strconv.Itoa(n) {
		if !p.anchors[unique] {
			p.anchors[unique] = true
			return
		}
		n++
	}
}

// TestNoDeadLinks: each relative link of a document leads to a file of the repository, and to an anchor of it; each manual that a source, a
// sample or a script names is there, with the anchor or the section that is named.
func TestNoDeadLinks(t *testing.T) {
	pages, links, mentions := map[string]page{}, 0, 0
	eachFile(t, func(name, text string) {
		if path.Ext(name) == ".md" {
			pages[name] = parsePage(text)
		}
	})
	for name, p := range pages {
		for _, match := range linkTarget.FindAllStringSubmatch(p.prose, -1) {
			if target := match[1] + match[2] + match[3]; !strings.Contains(target, ":") {
				links++
				checkLink(t, pages, name, target)
			}
		}
	}
	eachFile(t, func(name, text string) {
		for _, match := range docsPath.FindAllStringSubmatch(text, -1) {
			if match[3] == "" {
				mentions++
				checkMention(t, pages, name, match)
			}
		}
	})
	if links < 400 || mentions < 50 {
		t.Errorf("read only %d links and %d mentions of manuals", links, mentions)
	}
}

func checkLink(t *testing.T, pages map[string]page, from, target string) {
	t.Helper()
	file, anchor, _ := strings.Cut(target, "#")
	to := from
	if file != "" {
		to = path.Join(path.Dir(from), file)
	}
	if _, err := os.Stat(path.Join(root, to)); err != nil {
		t.Errorf("%s links to %s, which does not exist", from, target)
		return
	}
	if p, ok := pages[to]; anchor != "" && (!ok || !p.anchors[anchor]) {
		t.Errorf("%s links to %s: %s has no such anchor", from, target, to)
	}
}

// checkMention checks a manual that a file names: match is of docsPath.
func checkMention(t *testing.T, pages map[string]page, from string, match []string) {
	t.Helper()
	file, _, _ := strings.Cut(match[0], ".md")
	p, ok := pages[file+".md"]
	switch anchor := strings.TrimPrefix(match[1], "#"); {
	case !ok:
		t.Errorf("%s names %s, which does not exist", from, match[0])
	case anchor != "" && !p.anchors[anchor]:
		t.Errorf("%s names %s: there is no such anchor", from, match[0])
	case match[2] != "" && !p.titles[match[2]]:
		t.Errorf("%s names %s: there is no such section", from, match[0])
	}
}

// TestSlugs holds the rule of anchors against some that GitHub makes.
func TestSlugs(t *testing.T) {
	for title, want := range map[string]string{
		"The provider refuses calls (429)":             "the-provider-refuses-calls-429",
		"How to add …":                                 "how-to-add-",
		"`caps` and `caps_default`":                    "caps-and-caps_default",
		"TG.7001 not_sent":                             "tg7001-not_sent",
		"[Changelog](https://example.test) of **all**": "changelog-of-all",
		"ACME: which challenge":                        "acme-which-challenge",
	} {
		if got := slug(title); got != want {
			t.Errorf("%q: got %s, want %s", title, got, want)
		}
	}
	p := parsePage("# A\n## A\n```\n# no heading [no](link)\n```\ntext <a id=\"old\"></a> [x](y.md) `[z](z.md)`\n")
	if want := map[string]bool{"a": true, "a-1": true, "old": true}; len(p.anchors) != 3 || !p.anchors["a-1"] || !p.anchors["old"] {
		t.Errorf("got the anchors %v, want %v", p.anchors, want)
	}
	if got := linkTarget.FindAllString(p.prose, -1); !slices.Equal(got, []string{"](y.md)"}) {
		t.Errorf("got the links %v", got)
	}
}
