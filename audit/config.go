package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"tollgate/audit/blobs"
	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/audit/mac"
	"tollgate/internal/private"
	"tollgate/internal/setting"
)

// Config says where and how a log is kept: the section `audit` of the configuration. [Open] takes the defaults for sizes and times that
// are zero, allows smaller ones than the configuration does, and does not use HashKey and Index.
type Config struct {
	// The folder of the log. Only one gateway can write to it.
	Dir string `yaml:"dir" path:"make" reload:"restart" need:"yes"`
	// The size after which a new file is begun.
	SegmentSize setting.Size `yaml:"segment_size" reload:"restart" range:"1MiB..16GiB"`
	// Disk space that is kept for the outcomes of calls already sent.
	Reserve setting.Size `yaml:"reserve" reload:"restart" range:"128KiB..1GiB"`
	// How long a call waits for its record to be on disk before it is answered 503. While the disk takes longer, the gateway is not ready.
	Deadline setting.Duration `yaml:"deadline" reload:"restart" range:"10ms..1m"`
	// The log's name, which its keys and checkpoints carry: printable ASCII without blank, plus, quote or backslash. For a
	// new log only: one that has a key keeps its name. Default: `tollgate/` and random digits.
	Name checkpoint.LogName `yaml:"name" reload:"restart"`
	// The private key that signs checkpoints.
	Key KeyConfig `yaml:"key" reload:"restart"`
	// The private key of the keyed hashes in records.
	HashKey HashKeyConfig `yaml:"hash_key" reload:"restart"`
	// Signed statements of what the log holds.
	Checkpoints Checkpoints `yaml:"checkpoints" reload:"restart"`
	// How long records are kept, by whole files: files of older records are removed, and leave the hashes of the records,
	// so that the rest still verifies. At least 180 days (China's Cybersecurity Law, article 21). Default: for ever.
	Keep setting.Duration `yaml:"keep" reload:"restart" range:"1h..36500d"`
	// Must be `true` when `keep` is less than 180 days, and only then.
	KeepLess bool `yaml:"keep_less_than_180_days" reload:"restart"`
	// A database of the calls in the log, for queries. It can be made again from the log at any time.
	Index IndexConfig `yaml:"index" reload:"restart"`
}

// keptBeyond is for how long records are needed still when the windows and periods are over that they began.
const keptBeyond = 2 * setting.Day

// CheckKeep returns an error if records are not kept for as long as what calls hold and have spent may have to be read from them: the
// longest window or period, and two days.
func (c *Config) CheckKeep(longest time.Duration) error {
	if least := longest + keptBeyond; c.Keep != 0 && time.Duration(c.Keep) < least {
		return fmt.Errorf("records are kept for %v, and guard and caps need them for %v: the longest window or period is %v, and 2 days are added",
			c.Keep, setting.Duration(least), setting.Duration(longest))
	}
	return nil
}

// Default returns the defaults of the section.
func (Config) Default() Config {
	return Config{SegmentSize: 256 * setting.MiB, Reserve: 4 * setting.MiB, Deadline: setting.Duration(2 * time.Second)}
}

// KeyConfig is `key` of `audit`. See [PrepareRotation] for how another key comes in.
type KeyConfig struct {
	// The key file. It is made (mode 0600) when there is none and the log has no key yet; one of the gateway's user is given
	// that mode again at a start, one of another user, such as a mounted Secret, is taken as it is. On another volume than the
	// log it proves more. Its folder must exist, unless it is that of the log. Default: `signing.key` in the folder of the log.
	File string `yaml:"file" path:"write" reload:"restart" need:"yes"`
}

// HashKeyConfig is `hash_key` of `audit`.
type HashKeyConfig struct {
	// The key file. A start makes it (mode 0600) when there is none. Of what records withhold on purpose they have hashes under this key,
	// which say nothing to those who have the log alone; so it belongs on another volume where others read the log. Its folder must
	// exist, unless it is that of the log. Default: `hash.key` in the folder of the log, beside `signing.key`.
	File string `yaml:"file" path:"write" reload:"restart" need:"yes"`
}

// Checkpoints is `checkpoints` of `audit`. While only the reserve is left of a disk, none is written but at Close.
type Checkpoints struct {
	// How long after a record a checkpoint covers it, at the latest.
	Every setting.Duration `yaml:"every" reload:"restart" range:"1s..1h"`
	// After how many records a checkpoint is made before that.
	Records int `yaml:"records" reload:"restart" range:"1..1000000"`
	// Where else each checkpoint is written. Those who can change the log should not be able to change what is there.
	// A start compares the log with what stands in files, and refuses a log that was rolled back.
	Copies []CheckpointCopy `yaml:"copies" reload:"restart"`
}

// Default returns the defaults of the section.
func (Checkpoints) Default() Checkpoints {
	return Checkpoints{Every: setting.Duration(10 * time.Second), Records: 10_000}
}

// CheckpointCopy is one entry of `copies` of `checkpoints`: exactly one of its keys.
type CheckpointCopy struct {
	// A file to which each checkpoint is appended as a line of JSON. It must not be in the folder of the log: it proves
	// nothing there. Its folder must exist.
	File string `yaml:"file" path:"write" reload:"restart"`
	// `true`: the same line to standard output.
	Stdout bool `yaml:"stdout" reload:"restart"`
}

// ExactlyOne marks a section of which exactly one key is given.
func (CheckpointCopy) ExactlyOne() {}

// IndexConfig is `index` of `audit`.
type IndexConfig struct {
	// Whether the gateway keeps the index up to date.
	Enabled bool `yaml:"enabled" reload:"restart"`
	// The database's file (SQLite). Default: `index.sqlite` in the folder of the log.
	File string `yaml:"file" path:"write" reload:"restart"`
	// The time zone whose days it sums up, such as `Asia/Shanghai`: reports by the index are fast for whole days of that zone, and of others
	// they read more. A change makes a new index by itself, which takes a while for a long log.
	Zone string `yaml:"zone" reload:"restart"`
}

// Default returns the defaults of the section.
func (IndexConfig) Default() IndexConfig { return IndexConfig{Enabled: true, Zone: "UTC"} }

// Location returns the zone. An empty name is that of UTC.
func (c IndexConfig) Location() (*time.Location, error) {
	zone, err := time.LoadLocation(c.Zone)
	if err != nil || c.Zone == "Local" {
		return nil, fmt.Errorf("zone %.70q is not known: want a name such as %q", c.Zone, "Asia/Shanghai")
	}
	return zone, nil
}

// In returns c with absolute paths: relative ones are in dir, and a file that is not given is in the folder of the log.
func (c Config) In(dir string) Config {
	c.Dir = setting.Resolve(dir, c.Dir)
	c.Key.File = c.file(dir, c.Key.File, keyName)
	c.HashKey.File = c.file(dir, c.HashKey.File, mac.FileName)
	c.Index.File = c.file(dir, c.Index.File, logfile.IndexName)
	c.Checkpoints.Copies = slices.Clone(c.Checkpoints.Copies)
	for i, place := range c.Checkpoints.Copies {
		c.Checkpoints.Copies[i].File = setting.Resolve(dir, place.File)
	}
	return c
}

func (c *Config) file(dir, given, usual string) string {
	if given == "" {
		return filepath.Join(c.Dir, usual)
	}
	return setting.Resolve(dir, given)
}

// Options are the configuration of a log, and what a running one needs besides. Sizes are bytes.
type Options struct {
	Config
	// Version of the program, for start records. Optional.
	Version string
	// Preallocate is by how much the live segment grows ahead of the records. 0 means 4 MiB, the least is 128 KiB.
	Preallocate int64
	// MaxPending bounds the records in memory that are not durable yet. Intents may fill it; refusals and events half of it; outcomes
	// twice as much. 0 means 4 MiB, the least is 256 KiB.
	MaxPending int64
	// Report is called with each key file, and with Dir, that group or others may use: see package private.
	Report private.Report
	// Published is called with each checkpoint, as a signed note, when it is durable. It may take its time: the log goes on,
	// and when several checkpoints come meanwhile, the newest is next. Optional.
	Published func(note string)
	// Fsynced is called after each write of records that became durable, with how long the write and its fsync took. It is called by one goroutine
	// at a time, which commits nothing meanwhile. Optional.
	Fsynced func(took time.Duration)
	// Blobs has the texts of the plans that records name: Prune removes those that none names any more. Nil: there are none.
	Blobs *blobs.Store
	// NeededFrom returns the first record that who derives something from the log still needs: Prune removes no segment that has it, or a
	// later one. Nil: none is needed.
	NeededFrom func() uint64
	// Progress is called while Open reads the log: how many bytes were read, of how many at most, which are fewer once it is known
	// where the reading begins. It is called by one goroutine at a time, often, and must return at once. Optional.
	Progress func(read, total int64)
	// Witnesses returns what is known elsewhere of the log of the given name. Open compares the log with it before it writes
	// anything; its error is a [LossError] when the log is not what it was. Nil means that nothing is known.
	Witnesses func(ctx context.Context, log string) []Witness
	// Accept are the ids of losses that Open puts on record instead of refusing the log: all that it finds have to be among them, and
	// all of them have to be found.
	Accept []string
	// Now returns the time. Nil means time.Now. It is called under a lock and must not call the log.
	Now func() time.Time

	// Tests put their own here, and may then use smaller sizes.
	disk disk
	keys keyring
}

// complete fills in the defaults and checks the rest.
func (o *Options) complete() error {
	if o.Dir == "" && o.disk == nil {
		return errors.New("audit: no directory given")
	}
	if err := o.completeSizes(); err != nil {
		return err
	}
	if err := o.Checkpoints.complete(); err != nil {
		return err
	}
	if keep := time.Duration(o.Keep); keep < 0 || keep > 0 && keep < leastKeep {
		return fmt.Errorf("audit: records are to be kept for %v; the least is %v", keep, leastKeep)
	}
	if o.Deadline = cmp.Or(o.Deadline, o.Default().Deadline); o.Deadline < 0 {
		return fmt.Errorf("audit: the time until the log counts as stalled is %v; it must be positive", o.Deadline)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.disk == nil {
		o.disk = diskOf(o.Dir)
	}
	if o.keys == nil {
		o.keys = keyFile{o.file("", o.Key.File, keyName), o.Report}
	}
	return nil
}

func (o *Options) completeSizes() error {
	usual := o.Default()
	for _, size := range []struct {
		name          string
		value         *int64
		usual, lowest int64
	}{
		{"segment size", (*int64)(&o.SegmentSize), int64(usual.SegmentSize), logfile.MaxLine},
		{"preallocation", &o.Preallocate, 4 << 20, 2 * logfile.MaxLine},
		{"reserve", (*int64)(&o.Reserve), int64(usual.Reserve), 2 * logfile.MaxLine},
		{"bound of pending records", &o.MaxPending, 4 << 20, 4 * logfile.MaxLine},
	} {
		*size.value = cmp.Or(*size.value, size.usual)
		if *size.value < size.lowest && (o.disk == nil || *size.value < 0) {
			return fmt.Errorf("audit: the %s is %d bytes; the least is %d", size.name, *size.value, size.lowest)
		}
	}
	return nil
}

const (
	leastEvery, mostEvery = setting.Duration(100 * time.Millisecond), setting.Duration(time.Hour)
	mostRecords           = 1_000_000
)

func (c *Checkpoints) complete() error {
	usual := c.Default()
	c.Every, c.Records = cmp.Or(c.Every, usual.Every), cmp.Or(c.Records, usual.Records)
	if c.Every < leastEvery || c.Every > mostEvery {
		return fmt.Errorf("audit: the time between checkpoints is %v; it must be from %v to %v", c.Every, leastEvery, mostEvery)
	}
	if c.Records < 1 || c.Records > mostRecords {
		return fmt.Errorf("audit: the number of records between checkpoints is %d; it must be from 1 to %d", c.Records, mostRecords)
	}
	return nil
}
