package tlspolicy

import (
	"crypto/rand"
	"crypto/tls"
	"sync"
	"time"
)

// tickets seals and opens the sessions of one listener configuration, with a key for each hour: new tickets get the key
// of the hour, those of the hour before are still opened. crypto/tls by itself keeps each key for a week, and one who gets
// a key can read the TLS 1.2 connections of all sessions under it.
//
// It stands behind WrapSession and UnwrapSession, since keys that are set on a configuration stay forever as they were in
// copies made of it.
type tickets struct {
	now func() time.Time

	mu   sync.Mutex
	hour int64         // since 1970
	kept []*tls.Config // of hour and the hour before if it had one, newest first; a key each
}

// seal is for [tls.Config.WrapSession]. A resumed session of TLS 1.2 keeps its master secret, so it is sealed with the
// oldest key: under the newest it would live for as long as it is used, and its first connection could still be read with
// the last key.
func (t *tickets) seal(cs tls.ConnectionState, s *tls.SessionState) ([]byte, error) {
	keys := t.keys()
	if cs.DidResume && cs.Version != tls.VersionTLS13 {
		return keys[len(keys)-1].EncryptTicket(cs, s)
	}
	return keys[0].EncryptTicket(cs, s)
}

// open is for [tls.Config.UnwrapSession]: no session and no error mean a full handshake.
func (t *tickets) open(ticket []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
	for _, key := range t.keys() {
		if s, err := key.DecryptTicket(ticket, cs); s != nil || err != nil {
			return s, err
		}
	}
	return nil, nil
}

// keys returns the keys that count now. They are changed here, by the first handshake that needs them, and by the clock on
// the wall: the other one stands still while the machine is suspended. Set back it ends every ticket.
func (t *tickets) keys() []*tls.Config {
	t.mu.Lock()
	defer t.mu.Unlock()
	hour := t.now().Unix() / int64(time.Hour/time.Second)
	switch {
	case len(t.kept) > 0 && hour == t.hour:
	case len(t.kept) > 0 && hour == t.hour+1:
		t.kept = []*tls.Config{newTicketKey(), t.kept[0]}
	default:
		t.kept = []*tls.Config{newTicketKey()}
	}
	t.hour = hour
	return t.kept
}

// newTicketKey returns a configuration that only holds a key: crypto/tls seals and opens with nothing else.
func newTicketKey() *tls.Config {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails: crypto/rand would end the process
	config := new(tls.Config)
	config.SetSessionTicketKeys([][32]byte{key})
	return config
}
