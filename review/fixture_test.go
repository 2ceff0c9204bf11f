package review

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tollgate/audit/store"
	"tollgate/review/evidence"
	"tollgate/review/reviewtest"
)

// fixture is a log of reviewtest with its index. A test that changes files changes a copy.
type fixture struct {
	reviewtest.Made
	name, dir string
	index     *store.Index
}

// The fixtures are made once, by the first test that asks for them.
var (
	large   = sync.OnceValue(func() *fixture { return newFixture("gateway-sh", reviewtest.Log) })
	second  = sync.OnceValue(func() *fixture { return newFixture("gateway-bj", reviewtest.Second) })
	hostile = sync.OnceValue(func() *fixture { return newFixture("hostile", reviewtest.Hostile) })
)

// fixtures is the folder that has them, until all tests have run.
var fixtures string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "tollgate-review-")
	if err != nil {
		panic(err)
	}
	fixtures = dir
	code := m.Run()
	_ = os.RemoveAll(dir) // a temporary folder
	os.Exit(code)
}

func newFixture(name string, write func(dir string) reviewtest.Made) *fixture {
	dir := filepath.Join(fixtures, name)
	f := &fixture{write(dir), name, dir, store.New(dir, dir+"-index").InZone(reviewtest.Zone)}
	if _, err := f.index.Rebuild(context.Background(), nil); err != nil {
		panic(err)
	}
	return f
}

// indexed returns the log with its index.
func (f *fixture) indexed() *evidence.Log {
	l := f.scanned()
	l.Index = f.index
	return l
}

// scanned returns it without.
func (f *fixture) scanned() *evidence.Log { return logIn(f.name, f.dir) }

// logIn returns the log in a directory, without an index.
func logIn(name, dir string) *evidence.Log {
	return &evidence.Log{Name: name, FS: os.DirFS(dir), Dir: dir}
}

// pagesOf returns pages of logs that look for as long as it takes: what tests hold does not depend on time.
func pagesOf(logs ...*evidence.Log) *Server {
	return New(Config{
		Logs: logs, Zone: reviewtest.Zone, Clock: func() time.Time { return reviewtest.Now }, Hosts: []string{"example.com"}, Door: viewer{},
	}).WithPatience(time.Hour)
}
