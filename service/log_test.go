package service

import (
	"testing"

	"go.uber.org/zap"

	"tollgate/audit/store"
	"tollgate/config"
	"tollgate/internal/testlog"
)

func TestOpenIndex(t *testing.T) {
	dir := t.TempDir()
	l := testlog.New(dir, nil)
	l.Calls(10)
	l.Flush()
	s, c := &Service{logger: zap.NewNop()}, new(config.Config)
	c.Audit.Dir, c.Audit.Index.Enabled = dir, true
	s.config.Store(c)
	s.openIndex(func() uint64 { return l.Seq })
	x := s.index
	for x.State().Seq < l.Seq {
		if err := x.State().Err; err != nil {
			t.Fatal(err)
		}
	}
	for _, closeOne := range s.closers {
		closeOne()
	}
	if seq, err := store.New(dir, "").Seq(t.Context()); err != nil || seq != l.Seq {
		t.Errorf("record %d of %d, %v", seq, l.Seq, err)
	}
}
