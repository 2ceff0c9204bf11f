package calls

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

const (
	// MinIDPart is how many characters a part of a call's id has at least.
	MinIDPart = 8
	// IDLength is how many a whole one has.
	IDLength = 36
	// someIDs is how many ids an [AmbiguousError] lists.
	someIDs = 5
)

// ShortID returns the part of a call's id that tables show: what stands behind its last hyphen. Of a UUIDv7 these are 48 random bits,
// whereas ids of one moment begin alike.
func ShortID(id string) string {
	if i := strings.LastIndexByte(id, '-'); len(id) == IDLength {
		return id[i+1:]
	}
	return id
}

// AmbiguousError is the error of a part that several ids have.
type AmbiguousError struct {
	Part string
	IDs  []string // the first of them
	More bool     // there are others
}

func (e *AmbiguousError) Error() string {
	text := fmt.Sprintf("several calls have ids that begin or end with %q: %s", e.Part, strings.Join(e.IDs, ", "))
	if e.More {
		text += " and others"
	}
	return text
}

// FullID returns the id of the call in the log of fsys whose id is, begins with, or ends with a text of at least [MinIDPart] characters. A
// text that is shorter, or of which no id has a part, is returned as it is. An [AmbiguousError] lists ids that have the part.
func FullID(fsys fs.FS, part string) (string, error) {
	if len(part) < MinIDPart || len(part) >= IDLength {
		return part, nil
	}
	var ids []string
	for line, err := range (Files{FS: fsys}).lines() {
		if err != nil {
			return "", err
		}
		r, err := line.Brief()
		if err != nil {
			return "", err
		}
		if r.Call == part {
			return part, nil
		}
		if len(ids) <= someIDs && isPart(part, r.Call) && !slices.Contains(ids, r.Call) {
			ids = append(ids, r.Call)
		}
	}
	switch len(ids) {
	case 0:
		return part, nil
	case 1:
		return ids[0], nil
	}
	return "", &AmbiguousError{part, ids[:min(len(ids), someIDs)], len(ids) > someIDs}
}

// Means reports whether a text is an id, or at least [MinIDPart] characters of its beginning or end.
func Means(text, id string) bool {
	return text == id || len(text) >= MinIDPart && len(text) < IDLength && isPart(text, id)
}

func isPart(part, id string) bool { return strings.HasPrefix(id, part) || strings.HasSuffix(id, part) }
