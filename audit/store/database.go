package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	_ "modernc.org/sqlite" // registers the driver

	"tollgate/audit/logfile"
	"tollgate/internal/pace"
)

// ErrUnusable is wrapped by errors that say that the index cannot answer, and why. The log can: see [calls.Scan].
var ErrUnusable = errors.New("the index cannot be used")

var errMisfit = errors.New("the index does not fit the log")

// unusable says what is wrong with an index, and what to do. The end of a context is nothing wrong.
func unusable(file string, err error) error {
	if err == nil || errors.Is(err, ErrUnusable) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %s: %w (tollgate audit reindex makes a new one)", ErrUnusable, file, err)
}

// database is one open connection, with the statements that were prepared on it. It is used by one goroutine at a time.
type database struct {
	*sql.Conn
	db       *sql.DB
	prepared map[string]*sql.Stmt

	lines logfile.LineReader
	zone  *time.Location               // whose days are summed up
	build string                       // of which kinds are known
	known knownKinds                   // of readers
	ids   *simplelru.LRU[kind, int64]  // of kinds
	kinds *simplelru.LRU[int64, *kind] // by id

	pace   func(context.Context)   // called between commands that write
	before func(text string) error // tests have commands fail by it
}

// pragmas are commands for a connection. Each is a constant of this package.
type pragmas []string

var (
	// A loss of power must not leave a database that is damaged and does not show it: hence synchronous NORMAL, which syncs
	// when the write-ahead log is taken over, not with each transaction. The file itself says that it has such a log.
	following = pragmas{"synchronous(NORMAL)", "cache_size(-16000)", "journal_size_limit(16777216)", "busy_timeout(5000)"}
	// What is built is no index before it is complete and synced.
	building = pragmas{"journal_mode(OFF)", "synchronous(OFF)", "locking_mode(EXCLUSIVE)", "cache_size(-64000)"}
	// Temporary tables stay in memory: a process that is confined to its folders, or whose file system can only be read, has none for them.
	always  = pragmas{"trusted_schema(0)", "cell_size_check(1)", "temp_store(MEMORY)"}
	reading = pragmas{"query_only(1)", "cache_size(-16000)", "busy_timeout(5000)"}
)

// cachedKinds bounds the kinds in the memory of a writer.
const cachedKinds = 1 << 14

// connect opens a database file that exists, of a log.
func connect(ctx context.Context, log fs.FS, file, mode string, set pragmas) (*database, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() { // SQLite would wait for the writer of a pipe
		return nil, cmp.Or(err, errors.New("it is no regular file"))
	}
	query := url.Values{"mode": {mode}, "_dqs": {"0"}, "_pragma": slices.Concat(always, set)}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String())
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	d := &database{Conn: conn, db: db, prepared: map[string]*sql.Stmt{}, lines: logfile.LineReader{Files: log}, pace: func(context.Context) {}}
	d.ids, _ = simplelru.NewLRU[kind, int64](cachedKinds, nil) // fails for sizes below 1 only
	d.kinds, _ = simplelru.NewLRU[int64, *kind](cachedKinds, nil)
	return d, nil
}

// close ends the connection. A statement left open would keep it, and its locks.
func (d *database) close() error {
	problems := []error{d.lines.Close()}
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
	pace.Step(ctx)
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

// number reads one whole number; NULL, and no row, is 0.
func (d *database) number(ctx context.Context, text string, args ...any) (int64, error) {
	s, err := d.statement(ctx, text)
	if err != nil {
		return 0, err
	}
	var n sql.NullInt64
	if err = s.QueryRowContext(ctx, args...).Scan(&n); errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return n.Int64, err
}

// each calls yield for the rows of a query, each in a T whose members columns names in their order.
func each[T any](ctx context.Context, d *database, columns func(*T) []any, yield func(*T) error, text string, args ...any) error {
	s, err := d.statement(ctx, text)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		pace.Step(ctx)
		var row T
		if err := rows.Scan(columns(&row)...); err != nil {
			return err
		}
		if err := yield(&row); err != nil {
			return err
		}
	}
	return rows.Err()
}

// fetch returns the rows of a query.
func fetch[T any](ctx context.Context, d *database, columns func(*T) []any, text string, args ...any) (all []T, err error) {
	err = each(ctx, d, columns, func(row *T) error { all = append(all, *row); return nil }, text, args...)
	return all, err
}

func position(at *logfile.Position) []any { return []any{&at.Segment, &at.Offset} }

// transaction runs fn in a transaction that writes, and rolls it back when fn fails.
func (d *database) transaction(ctx context.Context, fn func() error) error {
	if err := d.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := fn()
	if err == nil {
		err = d.exec(ctx, "COMMIT")
	}
	if err != nil {
		_ = d.exec(context.WithoutCancel(ctx), "ROLLBACK") // fails when SQLite has rolled back by itself
		d.ids.Purge()                                      // of kinds that are no more
	}
	return err
}
