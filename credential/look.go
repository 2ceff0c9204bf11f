package credential

import (
	"time"

	"tollgate/internal/watch"
)

// partTime is how long a set stands of which only a part has changed until it is used. The rest may be on its way; if it is not, these are
// the keys that somebody wanted.
const partTime = time.Minute

// finding is what a look at the files of the keys found that is not in use.
type finding struct {
	files []watch.Sighting
	keys  Keys
	err   error     // of reading them
	since time.Time // when that was found first
}

func (f *finding) same(other *finding) bool {
	if f == nil || !watch.Same(f.files, other.files) || (f.err == nil) != (other.err == nil) {
		return false
	}
	return f.keys.equal(other.keys) && (f.err == nil || f.err.Error() == other.err.Error())
}

// lookIsDue reports whether the files are to be looked at. The mutex is held.
func (r *reader) lookIsDue(files []string, now time.Time) bool {
	since := now.Sub(r.looked)
	return len(files) > 0 && (since >= watch.Interval || since < 0)
}

// look takes keys from files that have changed, while nothing is wrong with those in use. Files that look as they did when they held those
// are not read.
func (c *Credential) look(now time.Time) (changed bool, err error) {
	r := &c.reader
	found := &finding{files: watch.Look(c.options.Files), since: now}
	still := true
	as := c.ReadError() == nil && watch.Same(found.files, r.taken)
	if !as {
		found.keys, found.err = c.load()
		still = watch.Same(watch.Look(c.options.Files), found.files)
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.busy, r.at = false, now
	switch {
	case !still: // it goes on: the next look begins again
		r.found = nil
		return false, nil
	case as, found.err == nil && found.keys.equal(c.active.Load().keys):
		c.confirm(found, as)
		return false, nil
	case !r.found.same(found):
		r.found = found
		return false, nil
	}
	return c.settle(now)
}

// confirm notes that the files hold the keys in use. The mutex is held.
func (c *Credential) confirm(found *finding, as bool) {
	r := &c.reader
	r.taken, r.found, r.err = found.files, nil, nil
	if !as {
		r.expires = found.keys.Expires
	}
}

// settle takes what two looks found alike. The mutex is held.
func (c *Credential) settle(now time.Time) (changed bool, err error) {
	r := &c.reader
	if r.found.err != nil {
		return false, r.report(r.found.err)
	}
	r.err = nil
	if !c.whole(r.found.keys) && now.Sub(r.found.since) < partTime {
		return false, nil
	}
	keys := r.found.keys
	r.taken, r.found = r.found.files, nil
	c.use(keys, now)
	c.notify(false)
	return true, nil
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
	if r.found == nil || r.found.err != nil || c.whole(r.found.keys) {
		return time.Time{}, false
	}
	return r.found.since.Add(partTime), true
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
