package verify

import (
	"slices"
	"strings"
	"testing"
)

// FuzzVerify replaces a piece of a log. Verifying ends and finds every change. With unsigned records allowed, it finds every change of what
// is signed.
func FuzzVerify(f *testing.F) {
	whole, _ := small(f, testKey(f, logName), testKey(f, logName), "x")
	names := whole.names()
	original := rows(whole)
	f.Add(uint8(0), uint16(0), uint16(32), []byte{})
	f.Add(uint8(1), uint16(700), uint16(1), []byte("x"))
	f.Add(uint8(1), uint16(0), uint16(0), []byte("{}\n"))
	f.Add(uint8(2), uint16(1000), uint16(9999), []byte(`{"seq":24,"commit":24,"time":"2026-10-03T04:05:06.000000000Z","kind":"start"}`+"\n"))
	f.Add(uint8(2), uint16(9999), uint16(0), []byte("\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, file uint8, at, remove uint16, insert []byte) {
		name := names[int(file)%len(names)]
		text := whole[name]
		from := min(int(at), len(text))
		to := min(from+int(remove), len(text))
		changed := whole.with(name, text[:from]+string(insert)+text[to:])
		if r := verified(t, changed, Options{}); r.Whole() && !allowed(whole, changed) {
			t.Errorf("%s changed from %d to %d into %q: not found", name, from, to, insert)
		}
		r := verified(t, changed, Options{AllowUnsigned: true})
		if !r.Whole() {
			return
		}
		signed := int(r.Records - r.Unsigned)
		if left := rows(changed); !slices.Equal(left[:signed], original[:min(signed, len(original))]) {
			t.Errorf("%s changed from %d to %d into %q: of what is signed, not found", name, from, to, insert)
		}
	})
}

// allowed reports whether a change cannot be found in the files: no change, zeros at the end, and the end cut right
// behind a checkpoint.
func allowed(whole, changed files) bool {
	names := whole.names()
	last := names[len(names)-1]
	for _, name := range names[:len(names)-1] {
		if whole[name] != changed[name] {
			return false
		}
	}
	rest, cut := strings.CutPrefix(whole[last], strings.TrimRight(changed[last], "\x00"))
	return cut && (rest == "" || strings.HasPrefix(rest, `{"seq"`))
}
