package service

import (
	"testing"

	"go.uber.org/zap"

	"tollgate/audit/store"
	"tollgate/internal/testlog"
)

func TestStartIndex(t *testing.T) {
	dir := t.TempDir()
	l := testlog.New(dir, nil)
	l.Calls(10)
	l.Flush()
	x, stop := startIndex(dir, "", zap.NewNop())
	for x.State().Seq < l.Seq {
		if err := x.State().Err; err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if seq, err := store.New(dir, "").Seq(t.Context()); err != nil || seq != l.Seq {
		t.Errorf("record %d of %d, %v", seq, l.Seq, err)
	}
}
