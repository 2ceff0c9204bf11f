package main

import (
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// TestChinesePages: each page for operators and callers has a Chinese twin with the same sections, which has the same blocks of code and, in
// each section, the codes, commands and names of the English one. So a page cannot change without its twin.
func TestChinesePages(t *testing.T) {
	for english, chinese := range twins(t) {
		t.Run(english, func(t *testing.T) {
			for _, difference := range differences(sectionsOf(read(t, english)), sectionsOf(read(t, chinese))) {
				t.Error(difference)
			}
		})
	}
}

// twins returns the Chinese page of each English one.
func twins(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{"README.md": "README.zh-CN.md", "docs/errors.md": "docs/zh/errors.md", "docs/runbooks.md": "docs/zh/runbooks.md"}
	tasks, err := fs.Glob(os.DirFS(root), "docs/tasks/*.md")
	if err != nil || len(tasks) < 15 {
		t.Fatal(len(tasks), err)
	}
	for _, name := range tasks {
		pages[name] = strings.Replace(name, "docs/", "docs/zh/", 1)
	}
	return pages
}

// section is what stands below a heading, up to the next one.
type section struct {
	heading string
	level   int
	blocks  []string // of code, without their indentation
	spans   []string // of code, in the text and in the heading
	prose   []string // paragraphs
}

// differences returns in what a Chinese page does not follow the English one.
func differences(english, chinese []section) (all []string) {
	if len(english) != len(chinese) {
		return []string{fmt.Sprintf("%d sections, the twin has %d", len(english), len(chinese))}
	}
	for i, e := range english {
		c := chinese[i]
		if e.level != c.level {
			return append(all, fmt.Sprintf("%q is of level %d, its twin %q of level %d", e.heading, e.level, c.heading, c.level))
		}
		if !slices.Equal(e.blocks, c.blocks) {
			all = append(all, fmt.Sprintf("%q: the blocks of code of its twin %q differ", e.heading, c.heading))
		}
		for _, span := range e.spans {
			if !slices.Contains(c.spans, span) {
				all = append(all, fmt.Sprintf("%q: its twin %q lacks %s", e.heading, c.heading, span))
			}
		}
		for _, text := range c.prose {
			if leftEnglish(text) {
				all = append(all, fmt.Sprintf("%q is not translated: %q", c.heading, text))
			}
		}
	}
	return all
}

// leftEnglish reports whether a paragraph has more than a few words and none of them is Chinese.
func leftEnglish(text string) bool {
	return len(strings.Fields(text)) > 12 && !strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

// oneLine is the text of a code span whose lines were wrapped.
var oneLine = regexp.MustCompile(`\s+`)

// sectionsOf reads a Markdown file.
func sectionsOf(text string) []section {
	all := []section{{}}
	fence, block, prose := "", "", ""
	end := func() {
		s := &all[len(all)-1]
		for _, span := range regexp.MustCompile("`[^`]+`").FindAllString(prose, -1) {
			s.spans = append(s.spans, oneLine.ReplaceAllString(span, " "))
		}
		s.prose = append(s.prose, strings.Split(strings.TrimSpace(prose), "\n\n")...)
		prose = ""
	}
	for line := range strings.Lines(text) {
		mark := fenceOf(line)
		switch {
		case fence != "" && strings.HasPrefix(mark, fence):
			all[len(all)-1].blocks, fence, block = append(all[len(all)-1].blocks, block), "", ""
		case fence != "":
			block += strings.TrimLeft(line, " ")
		case mark != "":
			fence = mark
		case heading.MatchString(strings.TrimSpace(line)):
			end()
			title := strings.TrimSpace(line)
			all = append(all, section{heading: title, level: strings.IndexFunc(title, func(r rune) bool { return r != '#' })})
			prose = title + "\n\n"
		default:
			prose += line
		}
	}
	end()
	return all
}

// The comparison finds what a twin lacks.
func TestTwinsDiffer(t *testing.T) {
	english := sectionsOf("# One\n\nUse `tollgate run`.\n\n```\ncode\n```\n\n## Two\n")
	for name, text := range map[string]string{
		"span": "# 一\n\n使用。\n\n```\ncode\n```\n\n## 二\n", "block": "# 一\n\n`tollgate run`\n\n## 二\n", "section": "# 一\n\n`tollgate run`\n\n```\ncode\n```\n",
		"level": "# 一\n\n`tollgate run`\n\n```\ncode\n```\n\n### 二\n", "same": "# 一\n\n使用 `tollgate run`。\n\n```\ncode\n```\n\n## 二\n",
	} {
		if found := differences(english, sectionsOf(text)); (len(found) > 0) != (name != "same") {
			t.Errorf("%s: %q", name, found)
		}
	}
	if !leftEnglish(strings.Repeat("word ", 13)) || leftEnglish(strings.Repeat("word ", 13)+"词") {
		t.Error("a paragraph that was left in English is not found")
	}
}
