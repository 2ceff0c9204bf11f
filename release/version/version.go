// Package version says which version a tree of the repository is.
//
// A commit with a tag v1.2.3 is 1.2.3. Any other has the version of its place between two releases, so that versions of a fleet compare as
// their commits follow each other (https://semver.org/, 11): where CHANGELOG.md has something under Unreleased it is a pre-release of the next
// minor version, 1.3.0-dev.20261130182600+82316d52dabd with the time and hash of the commit; where it has nothing, operators have nothing to
// notice either, and it is 1.2.3+82316d52dabd, which compares as 1.2.3 does. A tree with changes that are not committed has .dirty behind
// the hash, or +dirty behind the tag. A tree without its history has neither time nor hash.
package version

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Version is what a tree is.
type Version struct {
	Name   string
	Commit string    // "" if the history is not there
	Time   time.Time // of the commit; without one of the newest version in the changelog
	Tagged bool
	Dirty  bool
	Newest string // in the changelog
}

// Of returns the version of the tree in a folder.
func Of(root string) (Version, error) {
	text, err := os.ReadFile(filepath.Join(root, "CHANGELOG.md"))
	if err != nil {
		return Version{}, err
	}
	log, err := parseChangelog(string(text))
	if err != nil {
		return Version{}, err
	}
	h, err := readHistory(root)
	if err != nil {
		return Version{}, fmt.Errorf("the history of %s: %w", root, err)
	}
	v := Version{Name: name(log, h), Commit: h.commit, Time: h.time, Tagged: h.tag != "", Dirty: h.dirty, Newest: log.newest}
	if h.commit == "" {
		v.Time = log.date
	}
	return v, nil
}

// LinkerFlags are those by which the program knows its version.
func (v Version) LinkerFlags() string {
	return "-s -w -X main.version=" + v.Name + " -X main.commit=" + v.Commit
}

// ImageTag is the version as the tag of an image, which has no plus sign.
func (v Version) ImageTag() string { return strings.ReplaceAll(v.Name, "+", "_") }

const (
	shortHash = 12
	timeForm  = "20060102150405"
)

func name(log changelog, h history) string {
	if h.tag != "" {
		return h.tag + metadata("", h.dirty)
	}
	short := h.commit[:min(len(h.commit), shortHash)]
	if !log.unreleased {
		return log.newest + metadata(short, h.dirty)
	}
	dev := log.next() + "-dev"
	if !h.time.IsZero() {
		dev += "." + h.time.UTC().Format(timeForm)
	}
	return dev + metadata(short, h.dirty)
}

func metadata(commit string, dirty bool) string {
	switch {
	case commit == "" && dirty:
		return "+dirty"
	case dirty:
		return "+" + commit + ".dirty"
	case commit != "":
		return "+" + commit
	}
	return ""
}

// changelog is what CHANGELOG.md says of versions.
type changelog struct {
	newest     string
	date       time.Time
	unreleased bool // there is something that no version has
}

var heading = regexp.MustCompile(`(?m)^## (\d+\.\d+\.\d+) - (\d{4}-\d{2}-\d{2})$`)

func parseChangelog(text string) (c changelog, err error) {
	at := heading.FindStringSubmatchIndex(text)
	if at == nil {
		return c, errors.New("CHANGELOG.md: no heading such as: ## 0.1.0 - 2026-11-30")
	}
	c.newest = text[at[2]:at[3]]
	if c.date, err = time.Parse(time.DateOnly, text[at[4]:at[5]]); err != nil {
		return c, fmt.Errorf("CHANGELOG.md: %w", err)
	}
	_, notes, found := strings.Cut(text[:at[0]], "\n## Unreleased\n")
	c.unreleased = found && strings.TrimSpace(notes) != ""
	return c, nil
}

// next returns the next minor version.
func (c changelog) next() string {
	parts := strings.Split(c.newest, ".")
	minor, _ := strconv.Atoi(parts[1]) // digits, by the heading
	return fmt.Sprintf("%s.%d.0", parts[0], minor+1)
}
