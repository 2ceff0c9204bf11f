// Package credential holds the named secrets that sign upstream calls, and makes it hard to use one for the wrong call.
//
// There is one way from a credential to a signature, and each step needs the one before it:
//
//	Credential.Permit(operation)      the class check: a Permit exists only for an operation that the credential may sign
//	Permit.Lease(ctx, caller, now)    the pause check: a Lease holds the keys of one moment
//	Lease.Sign(now, request)          the signature
//	Lease.Done(verdict, reason, now)  what the provider thought of it
//
// The keys themselves are not reachable from outside, so code that skips the class check does not compile.
//
// # Pausing
//
// More than five failed signatures in a row lock an access key at the provider for five minutes (reference: API
// gateway error APIG.0301). So the first answer that rejects a signature pauses the credential for all callers, unless the
// provider accepted the same keys within the last minute: then the call is more likely at fault than the keys, and the
// credential is paused for its caller only. The next rejection, of another caller, pauses it for all, unless an answer was
// accepted in between. Other calls of the first caller that were under way say nothing new, until five are rejected in a row. A
// pause ends when a single call that is let through after [PauseTime] as a probe is accepted.
//
// # Trial
//
// Keys that the provider has never accepted are on trial, and so is an access key from a rejection to an accepted answer: at
// most [trialCalls] calls use it at a time, probes included, all but one of them of one caller, and no more than are left of five
// rejections in a row. The others wait, for [TrialWait] at most. So a wrong key that meets a burst of calls is found out before the
// provider locks it. Package accepted remembers over restarts which keys were accepted: see [Credential.Restore].
//
// # Keys that change
//
// [Credential.Poll] looks at the files of the keys every [watch.Interval], and takes keys that have changed before a call fails for the
// old ones: when two looks found the same files with the same keys in them, and all of the keys are others. Access key, secret key and
// token are often files of their own, and a set of two ages would be rejected: while only some have changed the set waits for the others,
// for [partTime] at most, and the old keys sign. A file that holds all of the keys changes as a whole.
//
// After a rejection the keys are of no use anyhow. So the key source is read again after each, and while something is paused, and any other
// keys are used once two readings, [standTime] apart, were the same. After [Credential.Reread] only a set of which all is new is: who has
// something else reloaded in the middle of a rotation does not end it.
//
// Rejections are counted by access key, as the provider does. A new set is not paused, but if its access key is known, it is
// tried with what is left of the five rejections; if nothing is left, by a probe when the latest pause is over. Keys that come
// back are paused as they were.
package credential

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"tollgate/catalog"
	"tollgate/internal/watch"
	"tollgate/signing"
)

// Options are what a credential has while it runs.
type Options struct {
	// Scheme is that of its signatures, one of those that the gateway knows; nil: [signing.SDK].
	Scheme signing.Scheme
	// Place is where the upstream is, independent of its name: keys that were accepted at one are on trial at another.
	Place string
	// Former are credentials that another configuration had, by whichever of them the keys are known: see [New]. The first counts
	// where several know the same.
	Former []*Credential
	// Load reads the keys from where they are kept. It is called once by New and again by Poll.
	Load func() (Keys, error)
	// Files are those that Load reads. Where there are none a change of the keys is only found when something asks for it.
	Files []string
}

// Credential is a named secret that signs calls of one class to one upstream. Its methods may be called concurrently.
type Credential struct {
	config  Config
	options Options
	active  atomic.Pointer[keySet] // what calls sign with; replaced when the keys change
	reader  reader
	watch   func(withdrawn bool) // see Watch; nil: the credential is not watched
}

// New checks the configuration and loads the keys. Keys that a former credential knows, or whose access key it knows, are paused
// and on trial as they are there, and the outcomes of calls that still sign with that one count for both.
func New(config Config, o Options) (*Credential, error) {
	if config.Class != catalog.ClassPartner && config.Class != catalog.ClassCustomer {
		return nil, fmt.Errorf("credential %s: class must be partner or customer", config.Name)
	}
	if o.Scheme == nil {
		o.Scheme = signing.SDK
	}
	c := &Credential{config: config, options: o}
	c.reader.files = watch.New(o.Files...)
	c.reader.files.Look()
	keys, err := c.load()
	c.reader.files.Take() // what changes meanwhile is read again
	if err != nil {
		return nil, fmt.Errorf("credential %s: %w", config.Name, err)
	}
	for _, former := range o.Former {
		c.reader.inherit(former.heritage(&o))
	}
	c.options.Former = nil // or each would keep all before it in memory
	set := c.reader.setOf(keys, o.Scheme)
	c.reader.known = append(slices.DeleteFunc(c.reader.known, func(s *keySet) bool { return s == set }), set)
	c.active.Store(set)
	c.reader.expires, c.reader.generation = keys.Expires, generationAfter(o.Former, config.Name, keys)
	return c, nil
}

// generationAfter returns the number of keys that follow those of a former credential of the same name, or that are the same.
func generationAfter(former []*Credential, name string, keys Keys) int {
	i := slices.IndexFunc(former, func(f *Credential) bool { return f.Name() == name })
	switch {
	case i < 0:
		return 1
	case former[i].active.Load().keys.equal(keys):
		return former[i].Generation()
	}
	return former[i].Generation() + 1
}

// heritage returns the sets of keys that a credential of another configuration takes over. Another upstream has not accepted them yet, but
// may be the same provider, that counts rejections on.
func (c *Credential) heritage(heir *Options) []*keySet {
	c.reader.mutex.Lock()
	defer c.reader.mutex.Unlock()
	known := slices.Clone(c.reader.known)
	if heir.Place == c.options.Place && heir.Scheme == c.options.Scheme {
		return known
	}
	for i, s := range known {
		known[i] = newKeySet(s.keys, s.standing, heir.Scheme)
		known[i].pauses, known[i].left = s.pauses, s.leftAt() // they share the mutex that guards pauses, too
	}
	return known
}

// Retire says that no configuration has the credential any more. From then on it counts for how long heirs remember its keys.
func (c *Credential) Retire(now time.Time) { c.active.Load().leave(now) }

// Name returns the name in the configuration.
func (c *Credential) Name() string { return c.config.Name }

// Facts returns all that the credential is besides its keys. It must not be changed.
func (c *Credential) Facts() *Facts { return &c.config.Facts }

// AccessKey is the public half of the keys in use.
func (c *Credential) AccessKey() string { return c.active.Load().keys.AccessKey }

// Fixed names the keys that cannot change while the process runs.
func (c *Credential) Fixed() []string { return c.config.Fixed() }

// FixedNote describes what it means that keys are fixed.
func FixedNote(fixed []string) string {
	return strings.Join(fixed, ", ") + " in the environment cannot be read again while the gateway runs: a change needs a restart"
}

// Paused reports whether and why the credential signs nothing at present, for any caller.
func (c *Credential) Paused() (Pause, bool) {
	if all := c.Pauses(); len(all) > 0 && all[0].Caller == "" {
		return all[0], true
	}
	return Pause{}, false
}

// Pauses returns all pauses, that for all callers first and the others by caller.
func (c *Credential) Pauses() []Pause { return c.active.Load().list() }

// OnTrial reports whether and why only a few calls at a time may use the keys.
func (c *Credential) OnTrial() (Trial, bool) { return c.active.Load().trial() }

// Permit is the right to sign one operation with one credential. The zero Permit grants no lease.
type Permit struct {
	credential *Credential
	operation  *catalog.Operation
}

// Permit returns the right to sign the operation with the credential, if [Facts.Permits] allows it.
func (c *Credential) Permit(operation *catalog.Operation) (Permit, error) {
	if err := c.config.Permits(operation); err != nil {
		return Permit{}, err
	}
	return Permit{c, operation}, nil
}
