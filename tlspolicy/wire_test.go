package tlspolicy

import (
	"bytes"
	"crypto/tls"
	"slices"
	"testing"
)

func TestWithSuites(t *testing.T) {
	record, err := captureHello(mustNamed(t, Default).testClient())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]uint16{{tls.TLS_AES_256_GCM_SHA384}, {}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}} {
		changed, err := withSuites(record, want)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := suitesOf(changed)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("suites %x, %v; want %x", got, err, want)
		}
		original, _, err := suitesOf(record)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := withSuites(changed, original); err != nil || !bytes.Equal(back, record) {
			t.Errorf("changing back makes another record (%v)", err)
		}
	}
}

func TestChosenSuite(t *testing.T) {
	serverHello := slices.Concat([]byte{22, 3, 3, 0, 45, 2, 0, 0, 41, 3, 3}, make([]byte, 32), []byte{3, 7, 7, 7}, []byte{0x13, 0x02, 0})
	for name, c := range map[string]struct {
		record []byte
		want   uint16
		ok     bool
	}{
		"ServerHello":       {serverHello, tls.TLS_AES_256_GCM_SHA384, true},
		"handshake_failure": {[]byte{21, 3, 3, 0, 2, 2, 40}, 0, true},
		"other alert":       {[]byte{21, 3, 3, 0, 2, 2, 80}, 0, false},
		"short":             {serverHello[:48], 0, false},
		"empty":             {nil, 0, false},
	} {
		got, err := chosenSuite(c.record)
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("%s: %x, %v", name, got, err)
		}
	}
}

func FuzzWire(f *testing.F) {
	record, err := captureHello(&tls.Config{ServerName: "x"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(record)
	f.Add([]byte{21, 3, 3, 0, 2, 2, 40})
	f.Add(slices.Concat([]byte{22, 3, 3, 0, 45, 2, 0, 0, 41, 3, 3}, make([]byte, 32), []byte{255}))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = chosenSuite(data)
		read, err := readRecord(bytes.NewReader(data))
		if err == nil && len(read) > recordHeader+maxRecord {
			t.Errorf("a record of %d bytes", len(read))
		}
		changed, err := withSuites(data, []uint16{0x1302})
		if err != nil {
			return
		}
		if got, _, err := suitesOf(changed); err != nil || !slices.Equal(got, []uint16{0x1302}) {
			t.Errorf("suites %x, %v", got, err)
		}
	})
}
