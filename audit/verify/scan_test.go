package verify

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/testlog"
)

// fullRecord has a value in each member, and an element in each list.
func fullRecord() *logfile.Record {
	r := &logfile.Record{}
	fillValue(reflect.ValueOf(r).Elem())
	r.Seq, r.Commit, r.Kind, r.Time = 23, 22, logfile.KindOutcome, testlog.Start
	return r
}

func fillValue(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("caf\u00e9 \u4e2d\u6587 \"quoted\" \\ \n\u202e \U0001F600")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(123456789012)
	case reflect.Uint16, reflect.Uint64:
		v.SetUint(65535)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fillValue(v.Index(0))
		fillValue(v.Index(1))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillValue(v.Elem())
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(testlog.Start.Add(789)))
			return
		}
		for _, f := range v.Fields() {
			if f.CanSet() {
				fillValue(f)
			}
		}
	}
}

// sameAsDecoder compares the scanner with the decoder, which must accept every line that the scanner accepts, with the same members. It
// reports whether the scanner accepted the line.
func sameAsDecoder(t *testing.T, text []byte) bool {
	t.Helper()
	p := new(parser)
	var fast, slow line
	if !p.scanner.scan(text, &fast) {
		return false
	}
	p.decode(text, &slow)
	if slow.err != nil {
		t.Fatalf("scanned, but no record: %v\n%q", slow.err, text)
	}
	if fast.seq != slow.seq || fast.commit != slow.commit || !fast.time.Equal(slow.time) || fast.time.String() != slow.time.String() ||
		fast.kind != slow.kind || !bytes.Equal(fast.call, slow.call) || !bytes.Equal(fast.plans[0], slow.plans[0]) || fast.signature.Hash != slow.signature.Hash || !fast.signature.Date.Equal(slow.signature.Date) || slow.record != nil || slow.stated != nil {
		t.Fatalf("scanned as %+v, decoded as %+v\n%q", fast, slow, text)
	}
	return true
}

// TestScan: lines as a gateway writes them are scanned, with any member; all others are left to the decoder.
func TestScan(t *testing.T) {
	r := fullRecord()
	r.Call, r.Plan = "0199a3b2-7c00-7000-8f10-000000000001", "00112233445566ff"
	whole := r.Append(nil)
	if !sameAsDecoder(t, whole) {
		t.Errorf("a record with each member is not scanned: %s", whole)
	}
	const embedded = 4 // and parts, which are no members themselves
	if got, want := len(recordShape().members), len(reflect.VisibleFields(reflect.TypeFor[logfile.Record]()))-embedded; got != want {
		t.Errorf("records have %d members, and the shape %d", want, got)
	}
	for i, name := range []string{"seq", "commit", "time", "kind"} {
		if recordShape().members[i].name != `"`+name+`":` {
			t.Errorf("member %d is %s", i, recordShape().members[i].name)
		}
	}
	const head = `{"seq":7,"commit":7,"time":"2024-02-29T04:05:06.000000000Z","kind":"refusal"`
	for _, text := range []string{head + `}`, head + `,"note":""}`, head + `,"fields":[]}`, head + `,"tls_in":{}}`, head + `,"tls_in":{"offer":{"suites":["\u00e9","x"]}}}`,
		head + `,"note":"a","version":"b"}`, head + `,"call":"\u00e9"}`, head + `,"plan":"\u0061"}`, head + `,"plan":"a"}`, head + `,"status":0}`, head + `,"steps_us":{}}`, head + `,"steps_us":{"decided":12,"answered":40333}}`,
		head + `,"cut":false}`, head + `,"note":"` + "\x7f" + `"}`} {
		if scanned := sameAsDecoder(t, []byte(text)); scanned == (strings.Contains(text, `"call":"\`) || strings.Contains(text, `"plan":"\`)) {
			t.Errorf("scanned: %v %s", scanned, text)
		}
	}
	for _, text := range []string{
		``, `{`, `{}`, head, head + `,}`, head + `}}`, head + `} `, head + `,"note":"a","note":"b"}`, head + `,"seq":7}`, head + `,"unknown":"x"}`, head + `,"note":null}`,
		head + `,"note":1}`, head + `,"steps_us":7}`, head + `,"steps_us":{"decided":"12"}}`, head + `,"steps_us":{"decided":-1}}`, head + `,"steps_us":{"later":1}}`,
		head + `,"status":"1"}`, head + `,"status":01}`, head + `,"status":1.0}`, head + `,"status":-1}`, head + `,"status":1234567890123456789}`,
		head + `,"source_port":65536}`, head + `, "note":""}`, head + `,"note":"` + "\xff" + `"}`, head + `,"note":"` + "\x1f" + `"}`, head + `,"note":"` + "\x00" + `"}`,
		head + `,"note":"\x"}`, head + `,"note":"\ud800"}`, head + `,"note":"\uDFff"}`, head + `,"note":"\u12"}`, head + `,"note":"\`, head + `,"n\u006fte":"a"}`,
		head + `,"fields":[{"name":"a","name":"b"}]}`, head + `,"fields":[{}`, head + `,"fields":["a"]}`, head + `,"peaks":["a",]}`, head + `,"signature_date":"2023-02-29T04:05:06.000000000Z"}`,
		strings.Replace(head, "refusal", "rumour", 1) + `}`, strings.Replace(head, "refusal", "start", 1) + `}`, strings.Replace(head, "02-29", "02-30", 1) + `}`,
		strings.Replace(head, `"seq":7`, `"seq":6`, 1) + `}`, strings.Replace(head, `"seq":7`, `"seq":07`, 1) + `}`, strings.Replace(head, `7,"commit":7`, `0,"commit":0`, 1) + `}`,
		strings.Replace(head, "06.000000000Z", "60.000000000Z", 1) + `}`, strings.Replace(head, "000000000Z", "00000000Z", 1) + `}`, strings.Replace(head, "T04", "T24", 1) + `}`,
		head + `,"note":"` + strings.Repeat("x", logfile.MaxLine) + `"}`,
	} {
		if sameAsDecoder(t, []byte(text)) {
			t.Errorf("scanned: %.200q", text)
		}
	}
}

// TestScanIsUsed: the decoder parses no record of a call.
func TestScanIsUsed(t *testing.T) {
	dir := t.TempDir()
	l := testlog.New(dir, nil)
	l.Calls(100)
	l.Flush()
	text, err := os.ReadFile(dir + "/" + logfile.SegmentName(1))
	if err != nil {
		t.Fatal(err)
	}
	decoded := 0
	for line := range bytes.Lines(text) {
		if !sameAsDecoder(t, bytes.TrimSuffix(line, []byte("\n"))) {
			decoded++
		}
	}
	if decoded != 3 { // start, key, checkpoint
		t.Errorf("%d lines were not scanned", decoded)
	}
}

// FuzzScan changes records in one place, and scans arbitrary lines.
func FuzzScan(f *testing.F) {
	whole := fullRecord().Append(nil)
	call := intent("a").Append(nil)
	f.Add([]byte("{}"), uint16(0), uint16(0), false)
	f.Add([]byte(`,"note":"\ud800"`), uint16(70), uint16(0), true)
	f.Add([]byte(`"a":1,`), uint16(1), uint16(3), true)
	f.Add([]byte("\xff"), uint16(900), uint16(1), true)
	f.Fuzz(func(t *testing.T, insert []byte, at, remove uint16, full bool) {
		sameAsDecoder(t, insert)
		text := call
		if full {
			text = whole
		}
		from := int(at) % (len(text) + 1)
		to := min(from+int(remove%512), len(text))
		sameAsDecoder(t, bytes.Join([][]byte{text[:from], insert, text[to:]}, nil))
	})
}
