package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones by name, also in a container that has no files of them
)

const (
	applicationID = 0x54474958 // "TGIX", in the database's header: it is an index of ours
	version       = 7          // of the tables: 7 has kinds and sums of days instead of hashes
	spanShift     = 12         // records of a row of spans, as a power of two
	longCall      = 4096       // records from the intent to the end of a call that counts as long
)

// tables are the commands that make an empty database an index.
func tables() []string {
	var columns, names []string
	for _, c := range kindColumns {
		columns, names = append(columns, c.name+" "+c.sqlType+" NOT NULL"), append(names, c.name)
	}
	return []string{
		"CREATE TABLE kinds (id INTEGER PRIMARY KEY, " + strings.Join(columns, ", ") + ", UNIQUE (" + strings.Join(names, ", ") + ")) STRICT",
		"CREATE TABLE calls (ord INTEGER PRIMARY KEY, kind INTEGER NOT NULL, time INTEGER NOT NULL, merged INTEGER NOT NULL, late INTEGER NOT NULL," +
			" back INTEGER NOT NULL, intent_segment INTEGER NOT NULL, intent_offset INTEGER NOT NULL, segment INTEGER NOT NULL, offset INTEGER NOT NULL, low INTEGER, high INTEGER," +
			" summed INTEGER NOT NULL) STRICT",
		"CREATE INDEX by_kind ON calls (kind)",
		"CREATE INDEX unsummed ON calls (ord) WHERE summed = 0",
		// Calls that pruning may cut into: their lines stand in different segments.
		"CREATE INDEX crossing ON calls (intent_segment) WHERE intent_segment > 0 AND intent_segment <> segment",
		"CREATE INDEX long ON calls (ord) WHERE back > " + strconv.Itoa(longCall),
		"CREATE TABLE plans (plan TEXT NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL, PRIMARY KEY (plan, low)) STRICT, WITHOUT ROWID",
		// By span, so that what is written lately stands close together: hashes alone would dirty a page each.
		"CREATE TABLE ids (span INTEGER NOT NULL, key INTEGER NOT NULL, ord INTEGER NOT NULL, PRIMARY KEY (span, key, ord)) STRICT, WITHOUT ROWID",
		"CREATE TABLE amounts (key INTEGER NOT NULL, ord INTEGER NOT NULL, PRIMARY KEY (key, ord)) STRICT, WITHOUT ROWID",
		"CREATE TABLE spans (span INTEGER PRIMARY KEY, low INTEGER NOT NULL, high INTEGER NOT NULL) STRICT",
		"CREATE TABLE open (segment INTEGER NOT NULL, offset INTEGER NOT NULL, PRIMARY KEY (segment, offset)) STRICT, WITHOUT ROWID",
		"CREATE TABLE lost (ord INTEGER NOT NULL, segment INTEGER NOT NULL, offset INTEGER NOT NULL, PRIMARY KEY (ord, segment, offset)) STRICT, WITHOUT ROWID",
		sumTable("days", ""), sumTable("customers", "customer TEXT NOT NULL, "),
		"CREATE TABLE events (seq INTEGER PRIMARY KEY, event TEXT NOT NULL, subject INTEGER NOT NULL, time INTEGER NOT NULL, segment INTEGER NOT NULL, offset INTEGER NOT NULL) STRICT",
		"CREATE INDEX by_event ON events (event)",
		"CREATE INDEX by_subject ON events (subject)",
		"CREATE TABLE marks (seq INTEGER PRIMARY KEY, segment INTEGER NOT NULL, offset INTEGER NOT NULL, hash BLOB NOT NULL) STRICT",
		"CREATE TABLE begin (id INTEGER PRIMARY KEY CHECK (id = 1), first INTEGER NOT NULL, zone TEXT NOT NULL) STRICT",
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		fmt.Sprintf("PRAGMA user_version = %d", version),
	}
}

// sumTable is a table of sums of the calls of a day that ended in a segment.
func sumTable(name, customer string) string {
	key := strings.ReplaceAll(customer, " TEXT NOT NULL", "")
	return "CREATE TABLE " + name + " (segment INTEGER NOT NULL, day INTEGER NOT NULL, kind INTEGER NOT NULL, " + customer + "price_from TEXT NOT NULL, calls INTEGER NOT NULL," +
		" no_amount INTEGER NOT NULL, unsummed INTEGER NOT NULL, money TEXT NOT NULL, PRIMARY KEY (segment, day, kind, " + key + "price_from)) STRICT, WITHOUT ROWID"
}

// fill makes an empty database an index of a log that begins with record first.
func (d *database) fill(ctx context.Context, first uint64, zone string) error {
	for _, text := range tables() {
		if _, err := d.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	if err := d.exec(ctx, "INSERT INTO begin VALUES (1, ?, ?)", int64(first), zone); err != nil {
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
	d.zone, err = d.zoneOf(ctx)
	return err
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

func (d *database) zoneOf(ctx context.Context) (*time.Location, error) {
	names, err := fetch(ctx, d, func(name *string) []any { return []any{name} }, "SELECT zone FROM begin")
	if err != nil {
		return nil, err
	}
	if len(names) != 1 {
		return nil, errors.New("it does not say how it begins")
	}
	zone, err := time.LoadLocation(names[0])
	if err != nil {
		return nil, fmt.Errorf("its days are of the zone %.70q, which is not known here", names[0])
	}
	return zone, nil
}

// outdated reports whether a file is an index of an older version, or of another zone. A file whose version cannot be read is not.
func (x *Index) outdated(ctx context.Context, path string) bool {
	d, err := connect(ctx, x.dir, path, "ro", reading)
	if err != nil {
		return false
	}
	made, err := d.made(ctx)
	old := err == nil && made < version
	if err == nil && made == version && x.zone != nil {
		zone, unread := d.zoneOf(ctx)
		old = unread == nil && zone.String() != x.zone.String()
	}
	return errors.Join(err, d.close()) == nil && old
}

// usualZone is the zone of an index for which none is named.
func (x *Index) usualZone(ctx context.Context) *time.Location {
	path, err := target(x.file)
	if err != nil {
		return time.UTC
	}
	d, err := connect(ctx, x.dir, path, "ro", reading)
	if err != nil {
		return time.UTC
	}
	defer d.close() // opened for reading: nothing can be lost
	if d.check(ctx) != nil {
		return time.UTC
	}
	return cmp.Or(d.zone, time.UTC)
}
