package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // zones by name, also in a container that has no files of them
)

const (
	applicationID = 0x54474958 // "TGIX", in the database's header: it is an index of ours
	version       = 9          // of the tables: 9 has blocks of calls, sums of a day in one row, records of the log itself among events, and calls by the short form of their ids
	spanShift     = 12         // records of a row of spans, as a power of two
)

// tables are the commands that make an empty database an index.
func tables() []string {
	columns := strings.Join(kindTexts(func(c kindColumn) string { return c.name + " " + c.sqlType + " NOT NULL" }), ", ")
	return []string{
		// Ids are never used again: what was read of a kind once stays true.
		"CREATE TABLE kinds (id INTEGER PRIMARY KEY AUTOINCREMENT, " + columns + ", UNIQUE (" + kindNames + ")) STRICT",
		"CREATE TABLE calls (ord INTEGER PRIMARY KEY, kind INTEGER NOT NULL, time INTEGER NOT NULL, merged INTEGER NOT NULL," +
			" intent_segment INTEGER NOT NULL, intent_offset INTEGER NOT NULL, segment INTEGER NOT NULL, offset INTEGER NOT NULL," +
			" low INTEGER, high INTEGER, summed INTEGER NOT NULL) STRICT",
		"CREATE TABLE blocks (last INTEGER PRIMARY KEY, low INTEGER NOT NULL, high INTEGER NOT NULL, calls BLOB NOT NULL) STRICT",
		"CREATE INDEX unsummed ON calls (ord) WHERE summed = 0",
		"CREATE TABLE ids (span INTEGER NOT NULL, key INTEGER NOT NULL, ord INTEGER NOT NULL, PRIMARY KEY (span, key, ord)) STRICT, WITHOUT ROWID",
		"CREATE TABLE open (segment INTEGER NOT NULL, offset INTEGER NOT NULL, PRIMARY KEY (segment, offset)) STRICT, WITHOUT ROWID",
		"CREATE TABLE lost (ord INTEGER NOT NULL, segment INTEGER NOT NULL, offset INTEGER NOT NULL, PRIMARY KEY (ord, segment, offset)) STRICT, WITHOUT ROWID",
		"CREATE TABLE days (last INTEGER NOT NULL, day INTEGER NOT NULL, totals BLOB NOT NULL, customers BLOB NOT NULL," +
			" PRIMARY KEY (last, day)) STRICT, WITHOUT ROWID",
		"CREATE TABLE events (seq INTEGER PRIMARY KEY, event TEXT NOT NULL, subject INTEGER NOT NULL, time INTEGER NOT NULL, segment INTEGER NOT NULL, offset INTEGER NOT NULL) STRICT",
		"CREATE INDEX by_event ON events (event)",
		"CREATE INDEX by_subject ON events (subject)",
		"CREATE TABLE marks (seq INTEGER PRIMARY KEY, segment INTEGER NOT NULL, offset INTEGER NOT NULL, hash BLOB NOT NULL) STRICT",
		"CREATE TABLE begin (id INTEGER PRIMARY KEY CHECK (id = 1), first INTEGER NOT NULL, zone TEXT NOT NULL, build TEXT NOT NULL) STRICT",
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		fmt.Sprintf("PRAGMA user_version = %d", version),
	}
}

// fill makes an empty database an index of a log that begins with record first.
func (d *database) fill(ctx context.Context, first uint64, zone string) error {
	for _, text := range tables() {
		if _, err := d.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	if err := d.exec(ctx, "INSERT INTO begin VALUES (1, ?, ?, ?)", int64(first), zone, rand.Text()); err != nil {
		return err
	}
	return d.settle(ctx)
}

// settle makes a database that was built durable, and ready for followers and readers at the same time.
func (d *database) settle(ctx context.Context) error {
	for _, text := range []string{"PRAGMA locking_mode = NORMAL", "PRAGMA synchronous = FULL", "PRAGMA journal_mode = WAL"} {
		if _, err := d.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// check reports what is wrong with a database that is to be an index of this version. It reads its zone.
func (d *database) check(ctx context.Context) error {
	made, err := d.made(ctx)
	if err == nil && made != version {
		err = fmt.Errorf("it is of version %d, this program reads version %d", made, version)
	}
	if err != nil {
		return err
	}
	type begin struct{ zone, build string }
	rows, err := fetch(ctx, d, func(b *begin) []any { return []any{&b.zone, &b.build} }, "SELECT zone, build FROM begin")
	if err != nil {
		return err
	}
	if len(rows) != 1 {
		return errors.New("it does not say how it begins")
	}
	d.build = rows[0].build
	if d.zone, err = time.LoadLocation(rows[0].zone); err != nil {
		return fmt.Errorf("its days are of the zone %.70q, which is not known here", rows[0].zone)
	}
	return nil
}

// made is the version of the tables of an index.
func (d *database) made(ctx context.Context) (int64, error) {
	app, err := d.number(ctx, "PRAGMA application_id")
	if err == nil && app != applicationID {
		err = errors.New("it is no index of an audit log")
	}
	if err != nil {
		return 0, err
	}
	return d.number(ctx, "PRAGMA user_version")
}

// about returns the version of a file and, if it is that of this program, its zone.
func (x *Index) about(ctx context.Context, path string) (made int64, zone *time.Location, err error) {
	d, err := connect(ctx, x.log, path, "ro", reading)
	if err != nil {
		return 0, nil, err
	}
	defer d.close() // opened for reading: nothing can be lost
	if made, err = d.made(ctx); err == nil && made == version {
		err = d.check(ctx)
	}
	return made, d.zone, err
}

// outdated reports whether a file is an index of an older version, or of another zone. A file that cannot be read is not.
func (x *Index) outdated(ctx context.Context, path string) bool {
	made, zone, err := x.about(ctx, path)
	return err == nil && (made < version || made == version && x.zone != nil && zone.String() != x.zone.String())
}

// zoneOfDays is the zone of a new index: the one that was set, or that of the index that is there.
func (x *Index) zoneOfDays(ctx context.Context) *time.Location {
	if x.zone != nil {
		return x.zone
	}
	path, err := target(x.file)
	if err != nil {
		return time.UTC
	}
	_, zone, _ := x.about(ctx, path) // one that cannot be read has none
	return cmp.Or(zone, time.UTC)
}
