// Package accepted remembers over restarts which keys the provider accepted, so that a start does not put them on trial again: while the
// provider is slow, a trial lets hardly any call through.
//
// # What is remembered
//
// The keys that a credential uses, from an accepted answer to a rejection of their access key, whichever credential has it. A rejected call
// ends when that is in the file, or after two seconds if the disk does not answer. Any doubt leaves keys on trial, with one
// exception: a crash in the milliseconds between the provider's rejection and the file. Former keys of a credential are not remembered:
// the next start reads those that are in use.
//
// # The file
//
// It lies in the folder of the log, which can be written also where the log's key cannot. It is for the gateway only (mode 0600), and
// replaced as a whole:
//
//	tollgate accepted keys 1
//	AKPARTNER 0f3a94d20c5b7e81
//
// Each line after the first has an access key and 8 bytes of a keyed hash over access key, secret key and security token. The hash's
// key is derived from the log's private key, so the file says nothing of the secrets, is of no use beside another key, and is dropped
// when the log's key is changed. Lines are sorted and end with a line feed; there are 500 at most. There is no file when nothing is
// remembered. One that is not as written here is not used.
package accepted

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"tollgate/credential"
	"tollgate/internal/durable"
	"tollgate/internal/private"
)

// Name is that of the file in the folder of the log.
const Name = "accepted.keys"

// Purpose is what the hash's key is derived for.
const Purpose = "keys that the provider accepted"

const (
	retryAfter = 10 * time.Second
	// patience is how long a rejected call waits for a disk that does not answer.
	patience = 2 * time.Second
	// unknown is what a file holds that could not be read or written.
	unknown = "unknown"
)

// Memory remembers which keys of some credentials were accepted. Create it with [New].
type Memory struct {
	file  string
	mac   hash.Hash     // used by one goroutine at a time: that of New, then that of Run
	held  string        // by the file, as far as is known
	wake  chan struct{} // holds a token when something is due
	ended chan struct{} // closed when Run has ended

	mutex       sync.Mutex
	credentials []*credential.Credential
	due         chan struct{} // closed when what is known now is in the file; nil: nothing is due
	err         error         // of the last attempt to write
}

// New takes for accepted what a file of an earlier run says so of, and returns the names of those credentials. The error says why
// the file could not be used, for the log: the Memory can. The caller must call [Memory.Run], and hand out no lease before New returned.
func New(file string, mac hash.Hash, credentials []*credential.Credential, report private.Report) (m *Memory, restored []string, err error) {
	m = &Memory{file: file, mac: mac, held: unknown, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	known, err := m.read(report)
	for _, c := range credentials {
		if c.Restore(mac, func(f credential.Fingerprint) bool { return slices.ContainsFunc(known, f.Equal) }) {
			restored = append(restored, c.Name())
		}
	}
	m.Follow(credentials)
	return m, restored, err
}

// Follow remembers the keys of these credentials from now on, and of no others. Those that are new must not have handed out a lease.
func (m *Memory) Follow(credentials []*credential.Credential) {
	m.mutex.Lock()
	known := m.credentials
	m.credentials = credentials
	m.mutex.Unlock()
	for _, c := range credentials {
		if !slices.Contains(known, c) {
			c.Watch(m.changed)
		}
	}
	m.ask() // for what is of no credential any more
}

func (m *Memory) read(report private.Report) ([]credential.Fingerprint, error) {
	data, err := private.ReadOwn(m.file, int64(maxFile), report)
	if errors.Is(err, fs.ErrNotExist) {
		m.held = ""
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	known, err := parse(string(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.file, err)
	}
	m.held = string(data)
	return known, nil
}

// Err returns why the last attempt to write the file failed; nil if it did not.
func (m *Memory) Err() error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.err
}

// changed makes the file be written. A rejected call waits for that: once its caller knows, a restart puts the key on trial.
func (m *Memory) changed(withdrawn bool) {
	written := m.ask()
	if !withdrawn {
		return
	}
	select {
	case <-written:
	case <-m.ended:
	case <-time.After(patience):
	}
}

// ask returns a channel that is closed when what is known now is in the file, or could not be written.
func (m *Memory) ask() <-chan struct{} {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.due == nil {
		m.due = make(chan struct{})
		select {
		case m.wake <- struct{}{}:
		default: // a token is there already
		}
	}
	return m.due
}

// Run writes the file when it is due, until ctx ends, and a last time then. It calls failed with each new cause of a failure; the
// attempt is repeated.
func (m *Memory) Run(ctx context.Context, failed func(error)) {
	defer close(m.ended)
	for ended := false; !ended; {
		var retry <-chan time.Time
		if m.Err() != nil {
			retry = time.After(retryAfter)
		}
		select {
		case <-m.wake:
		case <-retry:
		case <-ctx.Done():
			ended = true
		}
		m.write(failed)
	}
}

func (m *Memory) write(failed func(error)) {
	m.mutex.Lock()
	due, before := m.due, m.err
	m.due = nil
	m.mutex.Unlock()
	err := m.save()
	m.mutex.Lock()
	m.err = err
	m.mutex.Unlock()
	if due != nil {
		close(due)
	}
	if err != nil && (before == nil || before.Error() != err.Error()) {
		failed(err)
	}
}

// save writes the file if it holds something else. What cannot be written is not left as it was: it may speak for keys that were
// rejected since.
func (m *Memory) save() error {
	text := encode(m.accepted())
	if text == m.held {
		return nil
	}
	m.held = unknown
	var err error
	if text != "" {
		err = durable.WriteFile(m.file, []byte(text), 0o600)
	}
	if text == "" || err != nil {
		err = errors.Join(err, m.remove())
	}
	if err == nil {
		m.held = text
	}
	return err
}

func (m *Memory) remove() error {
	if err := os.Remove(m.file); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return durable.SyncDir(filepath.Dir(m.file))
}

// accepted returns what is to be remembered.
func (m *Memory) accepted() (all []credential.Fingerprint) {
	m.mutex.Lock()
	credentials := m.credentials
	m.mutex.Unlock()
	rejected := map[string]bool{} // access keys: the provider counts by them, whichever credentials have them
	for _, c := range credentials {
		f, accepted, inRow := c.Evidence(m.mac)
		rejected[f.AccessKey] = rejected[f.AccessKey] || inRow
		if accepted {
			all = append(all, f)
		}
	}
	return slices.DeleteFunc(all, func(f credential.Fingerprint) bool { return rejected[f.AccessKey] })
}
