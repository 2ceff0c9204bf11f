package replay

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
)

// Key stands for one signature. It is a hash, so it may be written to records: the signature cannot be found from it.
type Key [sha256.Size]byte

// KeyOf returns the key of a signature: access key, signature and date, as they were sent. Each part is hashed after its length (eight
// bytes, big-endian), so that no two different triples are hashed as the same bytes. The verifier must accept one spelling only of each
// signature and date (as claims of package signing have), otherwise another spelling would be another key.
func KeyOf(accessKey, signature, date string) Key {
	buf := make([]byte, 0, 512)
	for _, part := range [...]string{accessKey, signature, date} {
		buf = binary.BigEndian.AppendUint64(buf, uint64(len(part)))
		buf = append(buf, part...)
	}
	return sha256.Sum256(buf)
}

// String returns the key as 64 lower-case hex digits, the form of records.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// ParseKey reads what String writes.
func ParseKey(text string) (k Key, err error) {
	if len(text) != hex.EncodedLen(len(k)) {
		return Key{}, errors.New("replay key: must be 64 hex digits")
	}
	if _, err := hex.Decode(k[:], []byte(text)); err != nil || k.String() != text {
		return Key{}, errors.New("replay key: must be 64 lower-case hex digits")
	}
	return k, nil
}
