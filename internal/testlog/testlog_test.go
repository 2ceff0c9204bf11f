package testlog

import (
	"testing"

	"tollgate/audit/logfile"
)

func TestLogIsReadable(t *testing.T) {
	dir := t.TempDir()
	l := New(dir, nil)
	l.Calls(3)
	l.Rotate()
	l.Calls(2)
	l.Close()
	kinds := ""
	if err := logfile.Read(dir, func(r *logfile.Record, _ []byte) error { kinds += string(r.Kind[0]); return nil }); err != nil {
		t.Fatal(err)
	}
	if want := "skc" + "ioioio" + "c" + "ioio" + "sc"; kinds != want {
		t.Errorf("kinds %s, want %s", kinds, want)
	}
}

func TestMixture(t *testing.T) {
	dir := t.TempDir()
	l := New(dir, nil)
	l.Mixture(20_000)
	l.Close()
	states := map[string]int{}
	err := logfile.Read(dir, func(r *logfile.Record, _ []byte) error {
		states[string(r.Kind)+" "+r.Outcome]++
		return nil
	})
	calls := states["intent "] + states["refusal "]
	if err != nil || states["outcome failed"]*50 < calls/2 || states["outcome unknown"] == 0 || states["refusal "]*40 < calls {
		t.Errorf("%v, %v", states, err)
	}
}
