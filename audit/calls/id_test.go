package calls

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/audit/logfile"
)

// TestFullID finds calls by parts of their ids, and never one of several.
func TestFullID(t *testing.T) {
	dir := t.TempDir()
	var log []byte
	for i, id := range []string{
		"01a22c57-b40a-7f33-bf4d-acab37139c05", "01a22c57-b42e-7890-9089-a75af8969e38", "01a22c57-b42e-7890-9089-a75af8969e38", "aaaaaaaa-b42e-7890-9089-a75af8969e38",
		"01a22c57-0000-7000-8000-000000000001", "01a22c57-0000-7000-8000-000000000002", "01a22c57-0000-7000-8000-000000000003", "01a22c57-0000-7000-8000-000000000004", "12345678",
		"12345678-0000-7000-8000-000000000005", "",
	} {
		r := logfile.Record{Seq: uint64(i + 1), Commit: 1, Kind: logfile.KindIntent, Call: id}
		log = append(r.Append(log), '\n')
	}
	if err := os.WriteFile(filepath.Join(dir, logfile.SegmentName(1)), log, 0o600); err != nil {
		t.Fatal(err)
	}
	for part, want := range map[string]string{
		"acab37139c05": "01a22c57-b40a-7f33-bf4d-acab37139c05", "01a22c57-b40a": "01a22c57-b40a-7f33-bf4d-acab37139c05", "37139c05": "01a22c57-b40a-7f33-bf4d-acab37139c05",
		"aaaaaaaa": "aaaaaaaa-b42e-7890-9089-a75af8969e38", "12345678": "12345678",
		"01a22c57-b42e-7890-9089-a75af8969e38": "01a22c57-b42e-7890-9089-a75af8969e38", "7139c05": "7139c05", "no such part": "no such part", "": "",
	} {
		if got, err := FullID(os.DirFS(dir), part); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", part, got, err, want)
		}
	}
	for part, want := range map[string]string{"a75af8969e38": "01a22c57-b42e-7890-9089-a75af8969e38, aaaaaaaa-b42e-7890-9089-a75af8969e38", "01a22c57": "and others"} {
		_, err := FullID(os.DirFS(dir), part)
		if ambiguous, ok := errors.AsType[*AmbiguousError](err); !ok || !strings.HasSuffix(err.Error(), want) || len(ambiguous.IDs) > someIDs {
			t.Errorf("%q: %v", part, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, logfile.SegmentName(1)), append(log, "x\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := FullID(os.DirFS(dir), "acab37139c05"); err == nil {
		t.Error("no error of a log that has a fault: another id behind it may have the part")
	}
}

func TestShortID(t *testing.T) {
	for id, want := range map[string]string{"01a22c57-b40a-7f33-bf4d-acab37139c05": "acab37139c05", "c-1": "c-1", "": "", fmt.Sprintf("%036d", 1): fmt.Sprintf("%036d", 1)} {
		if got := ShortID(id); got != want {
			t.Errorf("%q: %q, want %q", id, got, want)
		}
	}
}

// TestFilterByShortID: a call is chosen by its id and by the short form of that, and by no other part.
func TestFilterByShortID(t *testing.T) {
	const id = "0198c2f4-6b1e-7c3a-9d51-2b3c4d5e6f70"
	c := &Call{Refusal: &logfile.Record{Call: id}}
	for text, want := range map[string]bool{id: true, "2b3c4d5e6f70": true, "": true, "b3c4d5e6f70": false, "0198c2f4-6b1e": false, "-2b3c4d5e6f70": false, "2B3C4D5E6F70": false} {
		if got := (&Filter{Call: text}).Match(c); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
