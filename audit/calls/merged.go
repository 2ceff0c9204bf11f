package calls

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// MaxLogs bounds the logs that are paged together, since a page of each is held; MaxLogName bounds their names, in bytes, and so the text
// of a cursor.
const (
	MaxLogs    = 32
	MaxLogName = 64
)

// Named is a [Pager] of one log.
type Named struct {
	Log string // the name with which the Pager was made
	Pager
}

// merged makes pages of several logs.
type merged []Named

// Several returns a [Pager] of the calls of several logs, each with a name of its own. For a page it holds one page of each log.
func Several(logs []Named) (Pager, error) {
	if len(logs) > MaxLogs {
		return nil, fmt.Errorf("%d logs: at most %d can be paged together", len(logs), MaxLogs)
	}
	for i, log := range logs {
		if len(log.Log) > MaxLogName {
			return nil, fmt.Errorf("log %.80q: a name has at most %d bytes", log.Log, MaxLogName)
		}
		if slices.ContainsFunc(logs[:i], func(other Named) bool { return other.Log == log.Log }) {
			return nil, fmt.Errorf("two logs are named %q", log.Log)
		}
	}
	return merged(slices.Clone(logs)), nil
}

// Page implements [Pager]. Errors name the log.
func (m merged) Page(ctx context.Context, f *Filter, after Cursor, n int) ([]Placed, Cursor, error) {
	pages := make([][]Placed, len(m))
	var faults []error
	var cut *Cursor // where the search of a log ended when its time was up, of several logs the first
	for i, log := range m {
		page, next, err := log.share(ctx, len(m)-i, f, after, n)
		if errors.Is(err, context.DeadlineExceeded) && (cut == nil || !next.Reached(*cut)) {
			cut = &next
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("log %q: %w", log.Log, err))
		}
		pages[i] = page
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, after, ctx.Err()
	}
	page := merge(pages, n)
	if cut == nil {
		return page, after.Next(page), errors.Join(faults...)
	}
	behind := slices.IndexFunc(page, func(p Placed) bool { return cut.Before(&p) })
	if behind < 0 && len(page) == n {
		return page, after.Next(page), nil
	}
	if behind >= 0 {
		page = page[:behind]
	}
	return page, *cut, errors.Join(faults...)
}

// share returns a page of one log, for which it has a part of the time that is left for several.
func (log *Named) share(ctx context.Context, logs int, f *Filter, after Cursor, n int) ([]Placed, Cursor, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(logs))
		defer cancel()
	}
	page, next, err := log.Page(ctx, f, after, n)
	if err == nil && slices.ContainsFunc(page, func(p Placed) bool { return p.Log != log.Log }) {
		return nil, after, errors.New("its calls have another log's name")
	}
	return page, next, err
}

// merge returns the first n calls of pages, which are in the order of pages each.
func merge(pages [][]Placed, n int) (page []Placed) {
	for len(page) < n {
		first := -1
		for i := range pages {
			if len(pages[i]) > 0 && (first < 0 || comparePlaces(pages[i][0].place(), pages[first][0].place()) < 0) {
				first = i
			}
		}
		if first < 0 {
			return page
		}
		page, pages[first] = append(page, pages[first][0]), pages[first][1:]
	}
	return page
}
