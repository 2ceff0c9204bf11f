package blobs

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"tollgate/internal/private"
)

const (
	// lastRecord is how long after a text was in force records that name it are written, at most: it is more than all times of a call
	// together can be.
	lastRecord = 24 * time.Hour
	// segmentsFile has the names of texts in closed segments.
	segmentsFile = "segments"
)

// Prune removes the texts that no segment names. segments are those of the log in order, the last of which may still be written to; named
// returns the first digits of the names in one of them. Each closed segment is read once, and only if there is a text that may be removed.
func (s *Store) Prune(ctx context.Context, now time.Time, segments []string, named func(segment string) ([]string, error)) error {
	left, err := s.unused(now)
	if err != nil || len(left) == 0 {
		return err
	}
	known, changed := s.known(segments)
	for i, segment := range segments {
		names, ok := known[segment]
		if !ok {
			if names, err = named(segment); err == nil {
				err = context.Cause(ctx)
			}
			if err != nil {
				break
			}
			if i+1 < len(segments) {
				known[segment], changed = names, true
			}
		}
		if left = without(left, names); len(left) == 0 {
			break
		}
	}
	if changed {
		err = errors.Join(err, s.remember(known))
	}
	if err != nil {
		return err
	}
	return s.remove(left)
}

// unused returns the texts that no record will name any more, and what crashes left of writing one.
func (s *Store) unused(now time.Time) (names []string, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for name, u := range s.used {
		if !u.left.IsZero() && now.Sub(u.left) > lastRecord {
			delete(s.used, name)
		}
	}
	entries, err := os.ReadDir(s.path("."))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, entry := range entries {
		if name := strings.TrimSuffix(entry.Name(), temporary); IsName(name) && !s.isUsed(name) {
			names = append(names, entry.Name())
		}
	}
	return names, err
}

func (s *Store) isUsed(name string) bool {
	_, ok := s.used[name]
	return ok
}

// without returns the files that have none of the names, which are their first digits.
func without(files, names []string) []string {
	return slices.DeleteFunc(files, func(file string) bool {
		return !strings.HasSuffix(file, temporary) && slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(file, name) })
	})
}

// remove removes files, but not those that were put meanwhile.
func (s *Store) remove(files []string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var errs []error
	for _, file := range files {
		if !s.isUsed(strings.TrimSuffix(file, temporary)) {
			errs = append(errs, s.disk.remove(s.path(file)))
		}
	}
	return errors.Join(append(errs, s.disk.syncDir(s.path(".")))...)
}

// known returns what the file has of the closed ones among the segments, and whether it has others. It ignores a file that cannot be read,
// or is of another form.
func (s *Store) known(segments []string) (known map[string][]string, changed bool) {
	known = map[string][]string{}
	text, err := private.Read(s.path(segmentsFile), MaxText)
	if err != nil || json.Unmarshal(text, &known) != nil || known == nil {
		return map[string][]string{}, false
	}
	for segment := range known {
		if i := slices.Index(segments, segment); i < 0 || i+1 == len(segments) {
			delete(known, segment)
			changed = true
		}
	}
	return known, changed
}

func (s *Store) remember(known map[string][]string) error {
	text, err := json.Marshal(known)
	if err != nil {
		return err
	}
	return s.disk.writeFile(s.path(segmentsFile), text, 0o600)
}
