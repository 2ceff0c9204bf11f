package caller

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"tollgate/internal/setting"
	"tollgate/signing"
)

// WarnAhead is how long before its end a key is one that ends soon.
const WarnAhead = 14 * 24 * time.Hour

// accessKey is a key of a [Registry].
type accessKey struct {
	caller   string
	key      signing.Key
	notAfter setting.NotAfter
	used     *atomic.Int64 // when a signature by it was verified, in nanoseconds since 1970; 0: never
}

// Key is what may be known of an access key.
type Key struct {
	Caller, ID string
	NotAfter   setting.NotAfter // zero: it does not end
	LastUse    time.Time        // when a signature by it was last verified; zero: never
}

// Expired reports whether the key has ended.
func (k *Key) Expired(now time.Time) bool { return k.NotAfter.Passed(now) }

// Keys returns the access keys, by caller and id.
func (r *Registry) Keys() []Key { return r.keysThat(func(*accessKey) bool { return true }) }

// Ending returns the access keys that have ended, or will soon, the earliest first.
func (r *Registry) Ending(now time.Time) []Key {
	soon := now.Add(WarnAhead)
	keys := r.keysThat(func(k *accessKey) bool { return k.notAfter.Passed(soon) })
	slices.SortStableFunc(keys, func(a, b Key) int { return cmp.Compare(a.NotAfter, b.NotAfter) })
	return keys
}

// keysThat returns some of the keys, once each, whatever the number of schemes.
func (r *Registry) keysThat(wanted func(*accessKey) bool) (keys []Key) {
	scheme := r.schemes.All()[0].Name() // each key is good for all
	for name, k := range r.keys {
		if name.scheme != scheme || !wanted(k) {
			continue
		}
		one := Key{Caller: k.caller, ID: name.id, NotAfter: k.notAfter}
		if used := k.used.Load(); used != 0 {
			one.LastUse = time.Unix(0, used)
		}
		keys = append(keys, one)
	}
	slices.SortFunc(keys, func(a, b Key) int { return cmp.Or(cmp.Compare(a.Caller, b.Caller), cmp.Compare(a.ID, b.ID)) })
	return keys
}

// TakeUses makes the registry go on with the uses of the keys that another one knew, by caller and id. It must be called before the registry
// identifies a caller; the other may go on.
func (r *Registry) TakeUses(of *Registry) {
	for name, k := range r.keys {
		if former := of.keys[name]; former != nil && former.caller == k.caller {
			k.used = former.used
		}
	}
}
