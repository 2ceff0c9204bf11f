package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // registers the driver
)

const (
	applicationID = 0x54474958 // "TGIX", in the database's header: it is an index of ours
	version       = 6          // of the tables: 5 has seen instead of an index for each column, and ids by span; 6 has settled
	spanShift     = 12         // records of a row of spans, as a power of two
	blockShift    = 9          // records of a block, of which seen has what occurs in it, as a power of two
)

// ErrUnusable is wrapped by errors that say that the index cannot answer, and why. The log can: see [calls.Scan].
var ErrUnusable = errors.New("the index cannot be used")

var errMisfit = errors.New("the index does not fit the log")

// unusable tells what is wrong, and what mends it. The end of a context is nothing wrong.
func unusable(file string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %s: %w (tollgate audit reindex makes a new one)", ErrUnusable, file, err)
}

// database is one open connection, with the statements that were prepared on it.
type database struct {
	*sql.Conn
	db       *sql.DB
	prepared map[string]*sql.Stmt

	pace   func(context.Context)   // called between commands, when no answer is read
	before func(text string) error // tests have commands fail by it
}

// pragmas are commands for a connection. Each is a constant of this package.
type pragmas []string

var (
	// A loss of power must not leave a database that is damaged and does not show it: hence synchronous NORMAL, which syncs
	// when the write-ahead log is taken over, not with each transaction. The file itself says that it has such a log.
	following = pragmas{"synchronous(NORMAL)", "cache_size(-16000)", "journal_size_limit(16777216)", "busy_timeout(5000)"}
	// What is built is nobody's index before it is complete and synced.
	building = pragmas{"journal_mode(OFF)", "synchronous(OFF)", "locking_mode(EXCLUSIVE)", "cache_size(-64000)"}
	reading  = pragmas{"query_only(1)", "cache_size(-16000)", "busy_timeout(5000)"}
)

// connect opens a database file that exists.
func connect(ctx context.Context, file, mode string, set pragmas) (*database, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() { // SQLite would wait for the writer of a pipe
		return nil, cmp.Or(err, errors.New("it is no regular file"))
	}
	query := url.Values{"mode": {mode}, "_dqs": {"0"}, "_pragma": append(pragmas{"trusted_schema(0)", "cell_size_check(1)"}, set...)}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String())
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &database{Conn: conn, db: db, prepared: map[string]*sql.Stmt{}, pace: func(context.Context) {}}, nil
}

// close ends the connection. A statement left open would keep it, and its locks.
func (d *database) close() error {
	var problems []error
	for _, s := range d.prepared {
		problems = append(problems, s.Close())
	}
	return errors.Join(append(problems, d.Conn.Close(), d.db.Close())...)
}

// statement prepares a text once.
func (d *database) statement(ctx context.Context, text string) (*sql.Stmt, error) {
	if d.before != nil {
		if err := d.before(text); err != nil {
			return nil, err
		}
	}
	if s := d.prepared[text]; s != nil {
		return s, nil
	}
	s, err := d.PrepareContext(ctx, text)
	if err == nil {
		d.prepared[text] = s
	}
	return s, err
}

func (d *database) exec(ctx context.Context, text string, args ...any) error {
	s, err := d.statement(ctx, text)
	if err == nil {
		_, err = s.ExecContext(ctx, args...)
	}
	return err
}

// number reads one whole number; NULL is 0.
func (d *database) number(ctx context.Context, text string, args ...any) (int64, error) {
	s, err := d.statement(ctx, text)
	if err != nil {
		return 0, err
	}
	var n sql.NullInt64
	err = s.QueryRowContext(ctx, args...).Scan(&n)
	return n.Int64, err
}

// fetch returns the rows of a query, each in a T whose members columns names in their order.
func fetch[T any](ctx context.Context, d *database, columns func(*T) []any, text string, args ...any) (all []T, err error) {
	s, err := d.statement(ctx, text)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var row T
		if err := rows.Scan(columns(&row)...); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// transaction runs fn in a transaction of the given kind, and rolls it back when fn fails.
func (d *database) transaction(ctx context.Context, begin string, fn func() error) error {
	if err := d.exec(ctx, begin); err != nil {
		return err
	}
	err := fn()
	if err == nil {
		err = d.exec(ctx, "COMMIT")
	}
	if err != nil {
		_ = d.exec(context.WithoutCancel(ctx), "ROLLBACK") // fails when SQLite has rolled back by itself
	}
	return err
}

// check says whether the database is an index of this version.
func (d *database) check(ctx context.Context) error {
	made, err := d.made(ctx)
	if err == nil && made != version {
		err = fmt.Errorf("it is of version %d, this program reads version %d", made, version)
	}
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

// outdated reports whether a file is an index that an older version made. A file whose version cannot be read is not.
func outdated(ctx context.Context, path string) bool {
	d, err := connect(ctx, path, "ro", reading)
	if err != nil {
		return false
	}
	made, err := d.made(ctx)
	return errors.Join(err, d.close()) == nil && made < version
}

// tables are the commands that make an empty database an index.
func tables() []string {
	var hashes strings.Builder
	for _, c := range columns {
		hashes.WriteString(", " + c.name + " INTEGER")
	}
	return []string{
		"CREATE TABLE calls (ord INTEGER PRIMARY KEY, time INTEGER NOT NULL, intent_segment INTEGER NOT NULL, intent_offset INTEGER NOT NULL," +
			" segment INTEGER NOT NULL, offset INTEGER NOT NULL, low INTEGER, high INTEGER" + hashes.String() + ") STRICT",
		"CREATE TABLE seen (key INTEGER NOT NULL, block INTEGER NOT NULL, PRIMARY KEY (key, block)) STRICT, WITHOUT ROWID",
		// By span, so that what is written lately stands close together: hashes alone would dirty a page each.
		"CREATE TABLE ids (span INTEGER NOT NULL, key INTEGER NOT NULL, ord INTEGER NOT NULL, PRIMARY KEY (span, key, ord)) STRICT, WITHOUT ROWID",
		"CREATE TABLE amounts (key INTEGER NOT NULL, ord INTEGER NOT NULL, PRIMARY KEY (key, ord)) STRICT, WITHOUT ROWID",
		"CREATE TABLE open (segment INTEGER NOT NULL, offset INTEGER NOT NULL, PRIMARY KEY (segment, offset)) STRICT, WITHOUT ROWID",
		"CREATE TABLE lost (ord INTEGER NOT NULL, segment INTEGER NOT NULL, offset INTEGER NOT NULL, PRIMARY KEY (ord, segment, offset)) STRICT, WITHOUT ROWID",
		"CREATE TABLE settled (call INTEGER NOT NULL, seq INTEGER NOT NULL, segment INTEGER NOT NULL, offset INTEGER NOT NULL, PRIMARY KEY (call, seq)) STRICT, WITHOUT ROWID",
		"CREATE TABLE spans (span INTEGER PRIMARY KEY, low INTEGER NOT NULL, high INTEGER NOT NULL) STRICT",
		"CREATE TABLE marks (seq INTEGER PRIMARY KEY, segment INTEGER NOT NULL, offset INTEGER NOT NULL, hash BLOB NOT NULL) STRICT",
		"CREATE TABLE begin (id INTEGER PRIMARY KEY CHECK (id = 1), first INTEGER NOT NULL) STRICT",
		// Calls that pruning may cut into: their lines stand in different segments.
		"CREATE INDEX crossing ON calls(intent_segment) WHERE intent_segment > 0 AND intent_segment <> segment",
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		fmt.Sprintf("PRAGMA user_version = %d", version),
	}
}

// create makes an empty index in a file of its own and gives its path. Nothing is left when it fails.
func create(ctx context.Context, file string, first uint64) (string, error) {
	path := file + "-" + strings.ToLower(rand.Text()[:12])
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	if err := f.Close(); err != nil { // before SQLite opens it: closing would take its locks away
		return "", err
	}
	if err := fill(ctx, path, first); err != nil {
		return "", errors.Join(err, discard(path))
	}
	return path, nil
}

func fill(ctx context.Context, path string, first uint64) error {
	d, err := connect(ctx, path, "rw", building)
	if err != nil {
		return err
	}
	for _, command := range tables() {
		if _, err := d.ExecContext(ctx, command); err != nil {
			return errors.Join(err, d.close())
		}
	}
	err = d.exec(ctx, "INSERT INTO begin VALUES (1, ?)", int64(first))
	if err == nil {
		err = d.settle(ctx)
	}
	return errors.Join(err, d.close())
}

// settle makes a database that was built durable, and ready for followers and readers at the same time.
func (d *database) settle(ctx context.Context) error {
	for _, command := range []string{"PRAGMA locking_mode = NORMAL", "PRAGMA synchronous = FULL", "PRAGMA journal_mode = WAL"} {
		if _, err := d.ExecContext(ctx, command); err != nil {
			return err
		}
	}
	return nil
}

// publish gives a database the index's name and removes the one that had it.
func publish(path, file string) error {
	before, err := target(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	link := path + ".link"
	if err := os.Symlink(filepath.Base(path), link); err != nil {
		return err
	}
	if err := os.Rename(link, file); err != nil {
		return errors.Join(err, os.Remove(link))
	}
	if before == "" || before == file || !strings.HasPrefix(before, file+"-") { // what is not ours stays
		return nil
	}
	return discard(before)
}

// target is the file that the index's name stands for: itself, if it is no link.
func target(file string) (string, error) {
	info, err := os.Lstat(file)
	if err != nil {
		return "", err
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		return file, nil
	}
	to, err := os.Readlink(file)
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(to) {
		to = filepath.Join(filepath.Dir(file), to)
	}
	return to, nil
}

// discard removes a database with what belongs to it.
func discard(path string) error {
	var problems []error
	for _, suffix := range []string{"-wal", "-shm", "-journal", ""} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}
