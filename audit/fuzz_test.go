package audit

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"tollgate/audit/logfile"
)

// FuzzRead reads a log that an attacker may have written. Every record that is read is a line of the file, numbered
// without a gap, and means to encoding/json, which takes the last of equal names, what it means here; recovery sees the
// same records.
func FuzzRead(f *testing.F) {
	f.Add([]byte(sample()), []byte(nil))
	f.Add([]byte(sample()), []byte(line(5, 5, logfile.KindIntent, "x")+zeros(600)+"}\n"+line(8, 6, logfile.KindIntent, "y")))
	f.Add([]byte(sample()+zeros(40)), []byte(line(5, 5, logfile.KindIntent, "x")))
	f.Add([]byte(line(1, 1, logfile.KindStart, "")+"{\"seq\":2,\"SEQ\":3,\"commit\":1}\n"), []byte(nil))
	f.Add([]byte("{\"seq\":1,\"call\":\"\\ud800\",\"seq\":1}\n"), []byte("{\"seq\":2e0}\n"))
	f.Add(append(typical().Append(nil), '\n'), []byte(nil))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, first, second []byte) {
		write(t, dir, 1, first)
		write(t, dir, 5, second)
		text := bytes.Clone(first)
		var last uint64
		err := logfile.Read(dir, func(r *logfile.Record, line []byte) error {
			if last++; r.Seq != last {
				t.Errorf("record %d after %d", r.Seq, last-1)
			}
			at := bytes.Index(text, append(bytes.Clone(line), '\n'))
			if last == 5 && at < 0 {
				text, at = second, 0
			}
			if at < 0 {
				t.Fatalf("%q is no line of the file", line)
			}
			text = text[at+len(line)+1:]
			var lenient logfile.Record
			if err := readLeniently(line, &lenient); err != nil || !sameRecord(r, &lenient) {
				t.Errorf("%s\nis read as %+v, by encoding/json as %+v, %v", line, r, lenient, err)
			}
			return nil
		})
		if second == nil {
			recoverySees(t, first, last, err)
		}
	})
}

// write puts a segment into the directory; none for nil.
func write(t *testing.T, dir string, first uint64, text []byte) {
	t.Helper()
	path := filepath.Join(dir, logfile.SegmentName(first))
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if text == nil {
		return
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// readLeniently reads a line with encoding/json, as jq would: without members whose names are no record's because of their
// case, which encoding/json alone does not distinguish.
func readLeniently(line []byte, into *logfile.Record) error {
	in := stdjson.NewDecoder(bytes.NewReader(line))
	in.UseNumber()
	var all any
	if err := in.Decode(&all); err != nil {
		return err
	}
	dropForeign(all)
	again, err := stdjson.Marshal(all)
	if err != nil {
		return err
	}
	return stdjson.Unmarshal(again, into)
}

// dropForeign takes out members whose names are not of the alphabet of a record's names.
func dropForeign(value any) {
	switch value := value.(type) {
	case map[string]any:
		for name, inner := range value {
			if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
				delete(value, name)
			}
			dropForeign(inner)
		}
	case []any:
		for _, inner := range value {
			dropForeign(inner)
		}
	}
}

// sameRecord compares what is printed: times that mean the same may differ in their zone.
func sameRecord(a, b *logfile.Record) bool {
	first, second := *a, *b
	first.Time, second.Time, first.Since, second.Since = first.Time.UTC(), second.Time.UTC(), first.Since.UTC(), second.Since.UTC()
	first.SignatureDate, second.SignatureDate = first.SignatureDate.UTC(), second.SignatureDate.UTC()
	return reflect.DeepEqual(first, second) || fmt.Sprintf("%+v", first) == fmt.Sprintf("%+v", second)
}

// recoverySees holds Open against Read: a log that needs no cutting has the same records for both, and none for neither.
func recoverySees(t *testing.T, text []byte, last uint64, readErr error) {
	t.Helper()
	d := newMemDisk()
	d.put(logfile.SegmentName(1), text)
	l, found, err := Open(small(d))
	if err != nil {
		return
	}
	end(l)
	if found.LastSeq != last || found.Cut == 0 && readErr != nil {
		t.Errorf("recovery ends at record %d and cuts %d bytes, reading at record %d: %v", found.LastSeq, found.Cut, last, readErr)
	}
}
