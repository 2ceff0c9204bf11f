package credential

import (
	"errors"
	"time"

	"tollgate/internal/watch"
)

// partTime is how long a set stands of which only a part has changed until it is used. The rest may be on its way; if it is not, these are
// the keys that were meant.
const partTime = time.Minute

// partialSet is a set of keys in the files of which only a part differs from the keys in use.
type partialSet struct {
	keys  Keys
	since time.Time // when it was found
}

// lookIsDue reports whether the files are to be looked at. The mutex is held.
func (r *reader) lookIsDue(now time.Time) bool {
	since := now.Sub(r.looked)
	return len(r.files.Paths()) > 0 && (since >= watch.Interval || since < 0)
}

// look takes keys from files that have changed, while nothing is wrong with those in use.
func (c *Credential) look(now time.Time) (changed bool, err error) {
	r := &c.reader
	settled, unchanged := r.files.Settled(), r.files.Unchanged()
	due := settled || unchanged && r.partIsDue(now)
	var keys Keys
	if due {
		keys, err = c.loadTwice()
		due = r.files.Take() // otherwise they change again, and the next looks see to it
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.busy, r.at = false, now
	switch {
	case due && err != nil:
		r.files.Invalidate() // what is wrong need not be in the files: their modes may be
		return false, r.report(err)
	case due:
		return c.settle(keys, now), nil
	case !unchanged:
		r.part = nil
	}
	return false, nil
}

// partIsDue reports whether a part has stood for long enough.
func (r *reader) partIsDue(now time.Time) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.part != nil && now.Sub(r.part.since) >= partTime
}

// loadTwice reads the keys twice. What was half written in the first reading differs in the second.
func (c *Credential) loadTwice() (Keys, error) {
	keys, err := c.load()
	if err != nil {
		return Keys{}, err
	}
	again, err := c.load()
	if err == nil && !again.equal(keys) {
		err = errors.New("they change while they are read")
	}
	return again, err
}

// settle takes the keys of files that stand still, and reports whether other keys are in use now. The mutex is held.
func (c *Credential) settle(keys Keys, now time.Time) (used bool) {
	r := &c.reader
	r.err = nil
	known := r.part != nil && r.part.keys.equal(keys)
	switch {
	case keys.equal(c.active.Load().keys):
		r.part, r.expires = nil, keys.Expires
		return false
	case !c.whole(keys) && !known:
		r.part = &partialSet{keys, now}
		return false
	case !c.whole(keys) && now.Sub(r.part.since) < partTime:
		return false
	}
	c.use(keys, now)
	c.notify(false)
	return true
}

// whole reports whether all of a set of keys has changed. One file is always whole. Of files of their own those that have not changed may
// be about to; a token belongs to its keys.
func (c *Credential) whole(keys Keys) bool {
	used := c.active.Load().keys
	return c.config.Keys != nil || keys.AccessKey != used.AccessKey && !keys.SecretKey.Equal(used.SecretKey) &&
		(c.config.SecurityToken == nil || !keys.SecurityToken.Equal(used.SecurityToken))
}

// Partial reports whether only a part of the keys has changed in their files, and from when on they are used as they are.
func (c *Credential) Partial() (until time.Time, partial bool) {
	r := &c.reader
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.part == nil {
		return time.Time{}, false
	}
	return r.part.since.Add(partTime), true
}

// Expires returns when the keys in use end, as their file says; zero if it says nothing.
func (c *Credential) Expires() time.Time {
	c.reader.mutex.Lock()
	defer c.reader.mutex.Unlock()
	return c.reader.expires
}

// Generation returns the number of the keys in use: 1 for those with which the credential began, one more for each set that was put to use
// since. It goes on where another configuration has a credential of the same name.
func (c *Credential) Generation() int {
	c.reader.mutex.Lock()
	defer c.reader.mutex.Unlock()
	return c.reader.generation
}
