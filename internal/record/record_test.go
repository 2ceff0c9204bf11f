package record

import (
	"bytes"
	"slices"
	"testing"
)

// appendRecord appends a record with content of a size.
func appendRecord(b []byte, size int) []byte {
	b = append(b, 23, 3, 3, byte(size>>8), byte(size))
	return append(b, bytes.Repeat([]byte{0xff}, size)...)
}

// Records of any size are counted where they end, however the stream is cut.
func TestTrack(t *testing.T) {
	var stream []byte
	var ends []int
	for _, size := range []int{1, 0, 16406, 5, 0, 65535, 3} {
		stream = appendRecord(stream, size)
		ends = append(ends, len(stream))
	}
	for _, step := range []int{1, 2, 3, 4, 5, 6, 7, 1000, 16411, len(stream)} {
		var track Track
		for at := 0; at < len(stream); {
			n := min(step, len(stream)-at)
			want := 0
			for _, end := range ends {
				if at < end && end <= at+n {
					want++
				}
			}
			if got := track.Pass(stream[at : at+n]); got != want {
				t.Fatalf("steps of %d: %d records end in the bytes from %d on, want %d", step, got, at, want)
			}
			if at += n; track.Between() != slices.Contains(ends, at) {
				t.Fatalf("steps of %d: between records at %d: %t", step, at, track.Between())
			}
		}
	}
}

// Who reads no further than Rest at a time ends with each record.
func TestRest(t *testing.T) {
	stream := appendRecord(appendRecord(nil, 300), 7)
	var track Track
	for _, want := range []struct {
		rest     int
		inHeader bool
	}{{5, true}, {300, false}, {5, true}, {7, false}} {
		if track.Rest() != want.rest || track.InHeader() != want.inHeader {
			t.Fatalf("%d bytes are to come, of a header: %t; want %v", track.Rest(), track.InHeader(), want)
		}
		track.Pass(stream[:want.rest])
		stream = stream[want.rest:]
	}
	if !track.Between() {
		t.Error("the last record does not end")
	}
}
