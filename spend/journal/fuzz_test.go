package journal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"os"
	"testing"

	"tollgate/spend"
)

// FuzzState: a state of any content, signed by the log's key, is refused or taken; what is taken is written again as it was read.
func FuzzState(f *testing.F) {
	l := newLog(f)
	calls(l)
	j := opened(f, l.options())
	j.mustSave(f)
	data, err := os.ReadFile(j.file())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data[len(title)+2*sha256.Size+1:])
	f.Add([]byte(`{"seq":1,"segment":1,"ledger":{"counts":[{"cap":"a","definition":"b","used":-1,"calls":1}]}}`))
	f.Add([]byte(`{"seq":1,"open":[null]}`))
	f.Add([]byte(`{"ledger":{"caps":[{"name":"a","definition":"b"}],"calls":[{"call":"a","keys":[{"key":-1,"window":-5}],"charges":[{"cap":"a","definition":"b","amount":1}]}]}}`))
	mac := hmac.New(sha256.New, []byte("k"))
	f.Fuzz(func(t *testing.T, text []byte) {
		data := append([]byte(title+sum(mac, text)+"\n"), text...)
		s, err := unsealed(data, mac)
		if err != nil {
			return
		}
		fold, err := s.restore(s.MACKey)
		if err != nil {
			return
		}
		live := spend.NewMemory()
		if err := live.Restore(fold.ledger.Snapshot()); err != nil {
			t.Fatalf("what was restored cannot be restored: %v", err)
		}
		again := fold.state()
		first, _ := json.Marshal(again)
		next, err := again.restore(s.MACKey)
		if err != nil {
			t.Fatal(err)
		}
		if second, _ := json.Marshal(next.state()); string(first) != string(second) {
			t.Errorf("%s\n%s", first, second)
		}
	})
}

// FuzzUnsealed: no byte of a file can be changed without being found out.
func FuzzUnsealed(f *testing.F) {
	mac := hmac.New(sha256.New, []byte("k"))
	whole, err := sealed(&state{Seq: 7, MACKey: macKey}, mac)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(0, byte(1), len(whole))
	f.Add(len(whole)-1, byte(0), len(whole)-1)
	f.Fuzz(func(t *testing.T, at int, bits byte, length int) {
		b := append([]byte(nil), whole[:min(max(length, 0), len(whole))]...)
		if at >= 0 && at < len(b) {
			b[at] ^= bits
		}
		if _, err := unsealed(b, mac); (err == nil) != (string(b) == string(whole)) {
			t.Errorf("%q is taken: %v", b, err)
		}
	})
}

// FuzzLine: whatever stands in a log, which lines hold or settle something is found without reading them all.
func FuzzLine(f *testing.F) {
	f.Add("a", "x", `,"act":"pay"`)
	f.Add(`"`, "\\", "\x00")
	f.Fuzz(func(t *testing.T, call, note, query string) {
		l := newLog(t)
		r := l.intent(claim(call, "CS1"))
		r.Note, r.Query = note, query
		fold := newFold(macKey)
		if line := r.Append(nil); !fold.wants(line) {
			t.Errorf("%s is passed over", line)
		}
		fold.open[call] = &statement{}
		plain := len(call) <= 36
		for _, c := range call {
			plain = plain && c >= '0' && c <= 'z' && c != '\\'
		}
		if line := l.outcome(call, "failed").Append(nil); plain && call != "" && !fold.wants(line) {
			t.Errorf("%s is passed over", line)
		}
	})
}
