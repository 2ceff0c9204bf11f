package audit

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"syscall"

	"tollgate/audit/checkpoint"
)

// memDisk is a disk in memory with a page cache of its own, so that a loss of power can be played: what was written and
// not synced survives by the sector, or does not. A failed sync leaves, as Linux does, pages that look clean and were
// never written.
type memDisk struct {
	mu      sync.Mutex
	names   map[string]*memInode // as programs see them
	durable map[string]*memInode // as after a loss of power
	inodes  uint64
	locked  bool
	dead    bool  // the process is gone: nothing happens any more, nor is anything read, since the files are another's now
	budget  int64 // bytes that files may have together; negative is no bound
	ops     int
	syncs   int
	read    int64 // bytes
	// fault is asked before each operation that changes something. It may block.
	fault func(op string, n int) fault
	// private holds the keys whose files the disk has, by the public keys that stand in those.
	private map[string]*checkpoint.Key
}

type fault int

const (
	fine       fault = iota
	notDone          // an error, and nothing happened
	doneAnyway       // it happened, and an error is reported
	noSpace          // the error is ENOSPC, and nothing happened
)

var errInjected = errors.New("injected fault")

type memInode struct {
	id    uint64
	cache []byte
	disk  []byte
	dirty map[int64]bool // sectors of cache that the next sync writes
	size  int64          // length that is on disk
}

func newMemDisk() *memDisk {
	return &memDisk{names: map[string]*memInode{}, durable: map[string]*memInode{}, budget: -1, private: map[string]*checkpoint.Key{}}
}

// do runs one operation under the fault that is chosen for it. mu is not held while the fault is asked.
func (d *memDisk) do(op string, work func() error) error {
	d.mu.Lock()
	d.ops++
	n, ask := d.ops, d.fault
	d.mu.Unlock()
	what := fine
	if ask != nil {
		what = ask(op, n)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.dead:
		return errInjected
	case what == notDone:
		return errInjected
	case what == noSpace:
		return syscall.ENOSPC
	}
	if err := work(); err != nil || what == fine {
		return err
	}
	return errInjected
}

func (d *memDisk) Lock() (io.Closer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.locked {
		return nil, ErrLocked
	}
	d.locked = true
	return memLock{d}, nil
}

type memLock struct{ d *memDisk }

func (l memLock) Close() error {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	l.d.locked = false
	return nil
}

func (d *memDisk) Open(name string, flag int) (file, error) {
	var node *memInode
	op := "open"
	if flag&os.O_CREATE != 0 {
		op = "create"
	}
	err := d.do(op, func() error {
		node = d.names[name]
		if node == nil {
			if flag&os.O_CREATE == 0 {
				return os.ErrNotExist
			}
			d.inodes++
			node = &memInode{id: d.inodes, dirty: map[int64]bool{}}
			d.names[name] = node
		}
		if flag&os.O_TRUNC != 0 {
			node.truncate(0)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &memFile{d, node}, nil
}

func (d *memDisk) Rename(from, to string) error {
	return d.do("rename", func() error {
		node := d.names[from]
		if node == nil {
			return os.ErrNotExist
		}
		delete(d.names, from)
		d.names[to] = node
		return nil
	})
}

func (d *memDisk) Remove(name string) error {
	return d.do("remove", func() error {
		if d.names[name] == nil {
			return os.ErrNotExist
		}
		delete(d.names, name)
		return nil
	})
}

func (d *memDisk) Sync() error {
	return d.do("dirsync", func() error {
		d.durable = map[string]*memInode{}
		for name, node := range d.names {
			d.durable[name] = node
		}
		return nil
	})
}

func (d *memDisk) List() ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return nil, errInjected
	}
	var names []string
	for name := range d.names {
		names = append(names, name)
	}
	return names, nil
}

func (d *memDisk) Stat(name string) (fileID, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return fileID{}, errInjected
	}
	node := d.names[name]
	if node == nil {
		return fileID{}, os.ErrNotExist
	}
	return node.identity(), nil
}

func (d *memDisk) Free() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.free()
}

func (d *memDisk) free() int64 {
	if d.budget < 0 || d.dead {
		return -1
	}
	left := d.budget
	for _, node := range d.names {
		left -= int64(len(node.cache))
	}
	return max(left, 0)
}

// bytes returns a file as programs see it.
func (d *memDisk) bytes(name string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.names[name].cache)
}

// put makes a file with the given bytes, durably.
func (d *memDisk) put(name string, b []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.place(name, b)
}

func (d *memDisk) place(name string, b []byte) {
	d.inodes++
	node := &memInode{id: d.inodes, cache: slices.Clone(b), disk: slices.Clone(b), size: int64(len(b)), dirty: map[int64]bool{}}
	d.names[name], d.durable[name] = node, node
}

// clone returns a disk with the same files, all of them durable, and no fault.
func (d *memDisk) clone() *memDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := newMemDisk()
	c.private = d.private
	for name, node := range d.names {
		c.place(name, node.cache)
	}
	return c
}

// remove makes a file go away, durably.
func (d *memDisk) remove(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.names, name)
	delete(d.durable, name)
}

// kill ends the process: what the kernel has stays.
func (d *memDisk) kill() *memDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
	return &memDisk{names: d.names, durable: d.durable, inodes: d.inodes, budget: d.budget, private: d.private}
}

// powerLoss ends the machine: of what was not synced, each sector is kept or lost by chance, as are the directory's
// changes.
func (d *memDisk) powerLoss(rng *rand.Rand) *memDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
	after := newMemDisk()
	after.budget, after.inodes, after.private = d.budget, d.inodes, d.private
	from := d.durable
	if rng.IntN(2) == 0 {
		from = d.names
	}
	for name, node := range from {
		b := node.survivors(rng)
		after.names[name] = &memInode{id: node.id, cache: b, disk: slices.Clone(b), size: int64(len(b)), dirty: map[int64]bool{}}
		after.durable[name] = after.names[name]
	}
	return after
}

func (n *memInode) survivors(rng *rand.Rand) []byte {
	size := n.size
	if rng.IntN(2) == 0 {
		size = int64(len(n.cache))
	}
	b := make([]byte, size)
	copy(b, n.disk)
	for s := range n.dirty {
		if rng.IntN(2) == 0 && s*sector < size {
			copy(b[s*sector:min((s+1)*sector, size)], n.cache[min(s*sector, int64(len(n.cache))):])
		}
	}
	return b
}

func (n *memInode) identity() fileID {
	return fileID{device: 1, inode: n.id, size: int64(len(n.cache))}
}

func (n *memInode) truncate(size int64) {
	if size < int64(len(n.cache)) {
		n.cache = n.cache[:size]
		return
	}
	n.cache = append(n.cache, make([]byte, size-int64(len(n.cache)))...)
}

func (n *memInode) sync() {
	size := int64(len(n.cache))
	if grown := size - int64(len(n.disk)); grown > 0 {
		n.disk = append(n.disk, make([]byte, grown)...)
	}
	n.disk, n.size = n.disk[:size], size
	for s := range n.dirty {
		if s*sector < size {
			copy(n.disk[s*sector:min((s+1)*sector, size)], n.cache[s*sector:])
		}
	}
	clear(n.dirty)
}

type memFile struct {
	d    *memDisk
	node *memInode
}

func (f *memFile) ReadAt(b []byte, at int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.d.dead {
		return 0, errInjected
	}
	if at >= int64(len(f.node.cache)) {
		return 0, io.EOF
	}
	n := copy(b, f.node.cache[at:])
	f.d.read += int64(n)
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(b []byte, at int64) (n int, err error) {
	err = f.d.do("write", func() error {
		grown := at + int64(len(b)) - int64(len(f.node.cache))
		full := grown > 0 && f.d.budget >= 0 && grown > f.d.free()
		if full { // a write on a full disk goes as far as it can
			b = b[:max(int64(len(b))-grown+f.d.free(), 0)]
		}
		if end := at + int64(len(b)); end > int64(len(f.node.cache)) {
			f.node.truncate(end)
		}
		n = copy(f.node.cache[at:], b)
		for s := at / sector; s*sector < at+int64(n); s++ {
			f.node.dirty[s] = true
		}
		if full {
			return syscall.ENOSPC
		}
		return nil
	})
	if err == errInjected {
		n = 0
	}
	return n, err
}

func (f *memFile) Truncate(size int64) error {
	return f.d.do("truncate", func() error {
		f.node.truncate(size)
		return nil
	})
}

func (f *memFile) Sync() error {
	f.d.mu.Lock()
	f.d.syncs++
	f.d.mu.Unlock()
	err := f.d.do("sync", func() error {
		f.node.sync()
		return nil
	})
	if err != nil {
		f.dropPages()
	}
	return err
}

// dropPages is what the kernel does with the pages of a failed sync.
func (f *memFile) dropPages() {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if !f.d.dead {
		clear(f.node.dirty)
	}
}

func (f *memFile) Stat() (fileID, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.d.dead {
		return fileID{}, errInjected
	}
	return f.node.identity(), nil
}

func (f *memFile) Close() error { return nil }

// memKeys is the keyring on a memDisk.
type memKeys struct{ d *memDisk }

func (k memKeys) Path() string                      { return keyName }
func (k memKeys) Load() (*checkpoint.Key, error)    { return k.load(keyName) }
func (k memKeys) LoadNew() (*checkpoint.Key, error) { return k.load(keyName + newSuffix) }

func (k memKeys) load(name string) (*checkpoint.Key, error) {
	k.d.mu.Lock()
	defer k.d.mu.Unlock()
	if k.d.dead {
		return nil, errInjected
	}
	node := k.d.names[name]
	if node == nil {
		return nil, os.ErrNotExist
	}
	return k.d.private[string(node.cache)], nil
}

func (k memKeys) CreateNew(name string) (key *checkpoint.Key, err error) {
	err = k.d.do("create", func() error {
		key = k.d.newKey(keyName+newSuffix, name)
		return nil
	})
	return key, err
}

// newKey writes the file of a key, durably. mu is held.
func (d *memDisk) newKey(file, name string) *checkpoint.Key {
	key, err := checkpoint.NewKey(name)
	if err != nil {
		panic(err)
	}
	d.private[key.Public().String()] = key
	d.place(file, []byte(key.Public().String()))
	return key
}

func (k memKeys) Tidy() error { return nil }

func (k memKeys) Replace() error {
	if err := k.d.Rename(keyName+newSuffix, keyName); err != nil {
		return err
	}
	return k.d.Sync()
}
