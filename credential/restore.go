package credential

import (
	"crypto/subtle"
	"encoding/binary"
	"hash"
	"io"
)

// Fingerprint identifies keys without showing them.
type Fingerprint struct {
	AccessKey string
	MAC       [8]byte // the first bytes of a keyed hash over the keys; it means nothing without the hash's key
}

// Equal reports whether two MACs are equal, in constant time.
func (f Fingerprint) Equal(other Fingerprint) bool {
	same := subtle.ConstantTimeCompare(f.MAC[:], other.MAC[:]) == 1
	return f.AccessKey == other.AccessKey && same
}

// fingerprint covers all of the keys: a secret is not accepted because it came with another token before.
func (k Keys) fingerprint(mac hash.Hash) Fingerprint {
	mac.Reset()
	var length [8]byte
	for _, text := range [...]string{k.AccessKey, k.SecretKey.Reveal(), k.SecurityToken.Reveal()} {
		binary.BigEndian.PutUint64(length[:], uint64(len(text)))
		_, _ = mac.Write(length[:]) // never fails
		_, _ = io.WriteString(mac, text)
	}
	f := Fingerprint{AccessKey: k.AccessKey}
	copy(f.MAC[:], mac.Sum(nil))
	return f
}

// Evidence returns the fingerprint of the keys in use under the hash's key, whether the provider accepted them, and whether their
// access key is in a row of rejections now.
func (c *Credential) Evidence(mac hash.Hash) (f Fingerprint, accepted, rejected bool) {
	s := c.active.Load()
	s.mutex.Lock()
	known := s.evidence()
	s.mutex.Unlock()
	return s.keys.fingerprint(mac), known.accepted, known.rejected
}

// Restore regards the keys in use as accepted if accepted reports that they were, in an earlier run, and reports whether it did. They are not
// on trial then, but the first rejection pauses them for all callers: the acceptance is not of the last minute.
func (c *Credential) Restore(mac hash.Hash, accepted func(Fingerprint) bool) bool {
	s := c.active.Load()
	if !accepted(s.keys.fingerprint(mac)) {
		return false
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.proven = true
	return true
}

// Watch sets changed, which is called when what [Credential.Evidence] returns may have changed, and after each rejection; withdrawn says that it is
// one, whose [Lease.Done] returns when changed has. It must be called before the first lease.
func (c *Credential) Watch(changed func(withdrawn bool)) { c.watch = changed }

func (c *Credential) notify(withdrawn bool) {
	if c.watch != nil {
		c.watch(withdrawn)
	}
}
