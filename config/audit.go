package config

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tollgate/audit"
	"tollgate/audit/mac"
	"tollgate/fleet"
	"tollgate/internal/private"
	"tollgate/internal/setting"
)

// leastKeep is how long China's Cybersecurity Law, article 21, has network logs kept: six months.
const leastKeep = 180 * setting.Day

// LoadAuditDir reads `audit.dir` of a configuration file alone, as an absolute path. What is wrong with the rest of the file does not matter:
// a log can be read by a file that was broken since.
func LoadAuditDir(path string) (string, error) {
	b, _, err := readSection(path)
	if err != nil {
		return "", err
	}
	if b.Failed("audit.dir") || b.file.Audit.Dir == "" {
		return "", b.Err()
	}
	return b.file.Audit.In(b.dir).Dir, nil
}

func (b *builder) buildAudit(a audit.Config) {
	absolute := a.In(b.dir)
	b.config.Audit = absolute
	b.keepPrivate("audit.key.file", absolute.Key.File)
	if a.HashKey.File != "" { // otherwise the file is the gateway's own, which a start tightens
		b.keepPrivate("audit.hash_key.file", absolute.HashKey.File)
	}
	if _, err := a.Index.Location(); err != nil && !b.Failed("audit.index.zone") {
		b.problem("audit.index.zone", "", "%v", err)
	}
	b.checkKeep()
	b.checkCopies(a.Checkpoints.Copies)
	b.checkAuditFiles()
	b.checkKeyFolder("audit.key", absolute.Key.File)
	b.checkKeyFolder("audit.hash_key", absolute.HashKey.File)
}

// checkKeyFolder reports a folder of one of the log's keys that is not there: a start makes the log's own folder alone, and those above it.
func (b *builder) checkKeyFolder(path, file string) {
	folder := filepath.Dir(file)
	if !b.options.Secrets || b.Failed(path) || b.Failed("audit.dir") || inside(folder, filepath.Join(b.config.Audit.Dir, "x")) {
		return
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		b.problem(path+".file", "make it, for the gateway's user only (mode 0700)", "there is no folder %s: neither could the key be read nor be made", b.Shown(folder))
	}
}

// noteAuditFolders notes who else may change the log's folder, and folders of copies that are not there.
func (b *builder) noteAuditFolders() {
	if text := private.Exposure(b.config.Audit.Dir); text != "" {
		b.note("audit.dir: %s", text)
	}
	for i, c := range b.config.Audit.Checkpoints.Copies {
		if info, err := os.Stat(filepath.Dir(c.File)); c.File != "" && (err != nil || !info.IsDir()) {
			b.note("audit.checkpoints.copies[%d]: there is no folder %s, and a start makes none: no checkpoint is copied there until it is made", i, filepath.Dir(c.File))
		}
	}
}

func (b *builder) checkKeep() {
	a := &b.config.Audit
	short := a.Keep != 0 && time.Duration(a.Keep) < leastKeep
	switch {
	case b.Failed("audit.keep"):
	case short && !a.KeepLess:
		b.problem("audit.keep", "write keep_less_than_180_days: true beside it if that is meant",
			"keep is less than 180 days: China's Cybersecurity Law, article 21, has network logs kept for six months")
	case a.KeepLess && !short:
		b.problem("audit.keep_less_than_180_days", "remove it", "keep_less_than_180_days is true, but keep is not less than 180 days")
	}
}

// checkCopies checks each copy, as it stands in the file, for itself: that it is a place, and one where it proves something.
func (b *builder) checkCopies(copies []audit.CheckpointCopy) {
	for i, c := range copies {
		path := fmt.Sprintf("audit.checkpoints.copies[%d]", i)
		switch {
		case b.Failed(path):
		case c.File == "" && !c.Stdout:
			b.problem(path+".stdout", "remove the entry", "stdout is false: this is no place")
		case slices.Contains(copies[:i], c):
			b.problem(path, "", "this copy is listed twice")
		case c.File != "" && inside(b.config.Audit.Dir, b.config.Audit.Checkpoints.Copies[i].File):
			b.problem(path+".file", "name a file on another volume",
				"the file is in the folder of the log, where it proves nothing: who can change the log can change it too")
		}
	}
}

// checkAuditFiles sees to it that no two of the files are one, and none is one of the log's own.
func (b *builder) checkAuditFiles() {
	a, taken := &b.config.Audit, map[string]string{}
	use := func(path, file string) {
		clean := filepath.Clean(file)
		switch {
		case file == "" || b.Failed(path):
		case taken[clean] != "":
			b.problem(path, "", "%s is the file of %s too", b.Shown(file), taken[clean])
		case filepath.Dir(clean) == filepath.Clean(a.Dir) && ownName(filepath.Base(clean)):
			b.problem(path, "", "%s is a name that the log uses itself", b.Shown(filepath.Base(clean)))
		default:
			taken[clean] = path
		}
	}
	use("audit.key.file", a.Key.File)
	use("audit.hash_key.file", a.HashKey.File)
	if a.Index.Enabled {
		use("audit.index.file", a.Index.File)
	}
	for i, c := range a.Checkpoints.Copies {
		use(fmt.Sprintf("audit.checkpoints.copies[%d].file", i), c.File)
	}
}

// ownName reports whether docs/audit-format.md has the name for files of a log.
func ownName(name string) bool {
	return slices.Contains([]string{"lock", "next", "pruning", "accepted.keys", "accepted.keys.tmp", fleet.FileName, fleet.FileName + ".tmp"}, name) || strings.HasSuffix(name, ".jsonl") || strings.HasSuffix(name, ".hashes")
}

// inside reports whether a file lies in a folder, also by way of symbolic links as far as they exist already.
func inside(dir, file string) bool {
	for _, at := range [][2]string{{dir, filepath.Dir(file)}, {followed(dir), followed(filepath.Dir(file))}} {
		rest, err := filepath.Rel(at[0], at[1])
		if err == nil && rest != ".." && !strings.HasPrefix(rest, ".."+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

func followed(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return filepath.Clean(path)
}

// describeAudit describes in lines for people how the log is kept.
func describeAudit(a *audit.Config) []string {
	index := "none"
	if a.Index.Enabled {
		index = a.Index.File
	}
	lines := []string{
		fmt.Sprintf("%s, files of %v, %v kept for outcomes, a call waits up to %v for its record", a.Dir, a.SegmentSize, a.Reserve, time.Duration(a.Deadline)),
		fmt.Sprintf("checkpoints after %v or %d records, signed with %s", a.Checkpoints.Every, a.Checkpoints.Records, a.Key.File),
		"copies of checkpoints: " + describeCopies(a.Checkpoints.Copies),
		"records are kept " + kept(a.Keep),
		"index: " + index,
	}
	if a.HashKey.File != filepath.Join(a.Dir, mac.FileName) {
		lines = slices.Insert(lines, 2, "keyed hashes of what records withhold, with "+a.HashKey.File)
	}
	if a.Name != "" {
		lines = slices.Insert(lines, 1, "name of a new log: "+string(a.Name))
	}
	return lines
}

func describeCopies(copies []audit.CheckpointCopy) string {
	var places []string
	for _, c := range copies {
		places = append(places, cmp.Or(c.File, "standard output"))
	}
	return cmp.Or(strings.Join(places, ", "), "none")
}

func kept(keep setting.Duration) string {
	if keep == 0 {
		return "for ever"
	}
	return fmt.Sprintf("for %v, their hashes for ever", keep)
}
