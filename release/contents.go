package main

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"tollgate/release/pack"
)

// contents are the files that archives have in common.
type contents struct {
	all  []pack.Entry // in each
	unix []pack.Entry // man pages, and what shells complete by
	runs []pack.Entry // where a gateway runs: what it is deployed with
}

func (c contents) of(p platform) []pack.Entry {
	entries := append([]pack.Entry(nil), c.all...)
	if p.os != "windows" {
		entries = append(entries, c.unix...)
	}
	if p.runs() {
		entries = append(entries, c.runs...)
	}
	return entries
}

// common reads the files, and makes those that are made. README's links into the folders of the manual lead somewhere in each archive.
func (r *release) common() (c contents, err error) {
	for _, name := range []string{"LICENSE", "README.md", "README.zh-CN.md", "CHANGELOG.md", "SECURITY.md"} {
		data, err := os.ReadFile(filepath.Join(r.root, name))
		if err != nil {
			return c, err
		}
		c.all = append(c.all, pack.File(name, 0o644, data))
	}
	manual, err := pack.Tree(filepath.Join(r.root, "docs"), "docs", r.kept)
	if err != nil {
		return c, err
	}
	c.all = append(c.all, manual...)
	if c.unix, err = r.documents(); err != nil {
		return c, err
	}
	c.runs, err = r.samples()
	return c, err
}

// documents has the program's other main write the man pages and completions.
func (r *release) documents() ([]pack.Entry, error) {
	dir := filepath.Join(r.work, "documents")
	args := append([]string{"run", "-tags", "documents", "-ldflags", "-X main.version=" + r.version.Name}, buildFlags...)
	if err := r.goes(host, append(args, "./cmd/proxy", dir, r.version.Time.Format(time.DateOnly))...); err != nil {
		return nil, err
	}
	return pack.Tree(dir, "", nil)
}

// samples are the configurations, units, rules and charts, without what is for those who build: the tests, and how the image is made.
func (r *release) samples() ([]pack.Entry, error) {
	return pack.Tree(filepath.Join(r.root, "deploy"), "deploy", func(file string) bool {
		name, _ := filepath.Rel(filepath.Join(r.root, "deploy"), file) // it is below, or kept says no
		return r.kept(file) && name != "Dockerfile" && !strings.HasPrefix(filepath.ToSlash(name), "deploytest/")
	})
}

// kept reports whether a file belongs to the version: a folder of work can have others, such as secrets, that git ignores.
func (r *release) kept(file string) bool {
	name, err := filepath.Rel(r.root, file)
	return err == nil && (r.files == nil || r.files[filepath.ToSlash(name)])
}
