package calls

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"tollgate/audit/logfile"
)

// records returns records written as short words: "i1" is an intent of call 1, "o" an outcome, "r" a refusal, "S" a start record, "h" a
// refused handshake, "c" a checkpoint. Seqs count from 1.
func records(words string) []*logfile.Record {
	kinds := map[byte]logfile.Kind{
		'i': logfile.KindIntent, 'o': logfile.KindOutcome, 'r': logfile.KindRefusal, 'S': logfile.KindStart, 'h': logfile.KindRefusal, 'c': logfile.KindCheckpoint,
	}
	var list []*logfile.Record
	for i, word := range strings.Fields(words) {
		list = append(list, &logfile.Record{Seq: uint64(i + 1), Kind: kinds[word[0]], Call: word[1:]})
	}
	return list
}

// brief returns the seqs of a call's records: "i2o4", with "!5" behind it if it was lost.
func brief(c *Call) string {
	text := ""
	for _, part := range []struct {
		letter string
		record *logfile.Record
	}{{"i", c.Intent}, {"o", c.Outcome}, {"r", c.Refusal}} {
		if part.record != nil {
			text += fmt.Sprint(part.letter, part.record.Seq)
		}
	}
	if c.Lost != 0 {
		text += fmt.Sprint("!", c.Lost)
	}
	return text
}

func TestJoin(t *testing.T) {
	for _, c := range []struct{ name, records, want string }{
		{"one after the other", "S i1 o1 i2 o2 r3", "i2o3 i4o5 r6"},
		{"the longer call ends later", "S i1 i2 o2 o1", "i3o4 i2o5"},
		{"what is open comes last, by intents", "S i2 i1 i3 o3", "i4o5 i2 i3"},
		{"closed by recovery", "S i1 i2 o1 o2 S i3 o3", "i2o4 i3o5 i7o8"},
		{"a start record, and no outcome before it", "S i2 i1 S i3 o3", "i2!4 i3!4 i5o6"},
		{"an outcome behind that start record", "S i1 S o1", "i2!3 o4"},
		{"the intent was pruned", "o1 i2 o2", "o1 i2o3"},
		{"two outcomes", "i1 o1 o1", "i1o2 o3"},
		{"two intents", "i1 i1 o1", "i1!2 i2o3"},
		{"a refusal of a known id", "i1 r1 o1", "r2 i1o3"},
		{"records that are no call", "S h c i1 c o1 h", "i4o6"},
		{"an id is missing", "i o i", ""},
		{"nothing", "", ""},
	} {
		var got []string
		var order []uint64
		j := NewJoiner(nil, func(c *Call) error {
			got, order = append(got, brief(c)), append(order, c.Order())
			return nil
		})
		for _, r := range records(c.records) {
			if err := j.Add(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.End(); err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: %q, want %q", c.name, text, c.want)
		}
		for i := range order {
			if i > 0 && order[i] < order[i-1] {
				t.Errorf("%s: the order of %q is %d", c.name, got, order)
			}
		}
	}
}

func TestJoinEndsWithItsYield(t *testing.T) {
	stop := errors.New("stop")
	for _, words := range []string{"i1 o1", "r1", "i1 S", "i1 i1"} {
		j := NewJoiner(nil, func(*Call) error { return stop })
		var err error
		for _, r := range records(words) {
			err = j.Add(r)
		}
		if !errors.Is(err, stop) {
			t.Errorf("%s: %v", words, err)
		}
	}
	j := NewJoiner(nil, func(*Call) error { return stop })
	if err := errors.Join(j.Add(records("i1")[0]), j.End()); !errors.Is(err, stop) {
		t.Error(err)
	}
}

func TestJoinIsBounded(t *testing.T) {
	j := NewJoiner(nil, func(*Call) error { return nil })
	if j.max != MaxOpen {
		t.Errorf("the bound is %d", j.max)
	}
	j.max = 2
	for i, c := range []struct {
		record string
		open   int // -1: an error
	}{{"i1", 1}, {"i2", 2}, {"i3", -1}, {"i2", 2}, {"o1", 1}, {"i3", 2}, {"i4", -1}, {"S", 0}, {"i4", 1}} {
		r := records(c.record)[0]
		r.Seq = uint64(i + 1)
		if err := j.Add(r); (err != nil) != (c.open < 0) || c.open >= 0 && len(j.Open()) != c.open {
			t.Errorf("record %d, %s: %d calls are open, %v", r.Seq, c.record, len(j.Open()), err)
		}
	}
}

func TestLast(t *testing.T) {
	for n, want := range map[int][]int{0: {1, 2, 3, 4, 5}, 1: {5}, 2: {4, 5}, 5: {1, 2, 3, 4, 5}, 9: {1, 2, 3, 4, 5}} {
		var got []int
		l := Last[int]{N: n, Yield: func(v int) error {
			got = append(got, v)
			return nil
		}}
		for v := 1; v <= 5; v++ {
			_ = l.Add(v)
		}
		_ = l.Flush()
		if _ = l.Add(6); !reflect.DeepEqual(got, append(want, 6)) {
			t.Errorf("the last %d, and 6: %v", n, got)
		}
	}
}
