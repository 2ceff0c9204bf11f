package logfile

import (
	"bytes"
	"reflect"
	"testing"
	"time"
)

// briefOf returns a record with the members of a brief one.
func briefOf(r *Record) Record {
	return Record{
		Seq: r.Seq, Time: r.Time, Kind: r.Kind, Call: r.Call, Caller: r.Caller, Site: r.Site, Currency: r.Currency, Operation: r.Operation,
		Effect: r.Effect, Credential: r.Credential, Class: r.Class, Account: r.Account, Plan: r.Plan, Outcome: r.Outcome, RequestID: r.RequestID,
		ErrorCode: r.ErrorCode, Status: r.Status, Deprecated: r.Deprecated, Cut: r.Cut, ClaimedCaller: r.ClaimedCaller, Reason: r.Reason, Fields: r.Fields,
	}
}

// briefLines are lines as a gateway writes them.
func briefLines() (lines [][]byte) {
	at := time.Date(2026, 10, 3, 4, 5, 6, 789, time.UTC)
	for _, r := range []Record{
		{Seq: 1, Commit: 1, Time: at, Kind: KindStart, Version: "1"},
		{
			Seq: 2, Commit: 2, Time: at, Kind: KindIntent, Call: "c", Caller: "shop", Operation: "PayOrders", Effect: "spend", Site: "cn", Currency: "CNY",
			Credential: "main", Class: "partner", Account: "a", Plan: "p", Deprecated: true, Query: `a={"b":1}&c=\`,
			Fields: []Field{{Name: "x[]", Kind: "amount", Values: []string{"1", `"}`}, Omitted: 2}, {Name: "y", Kind: "order", Values: []string{"CS1", "CS2"}, Omitted: 1, Unsummed: 3, AllBytes: 9, AllHash: "ab"}},
			TLSIn:  &TLS{Version: "1.3", Peer: `CN="]}`, Offer: &Offer{Suites: []string{"a", "b"}}},
		},
		{Seq: 3, Commit: 3, Time: at, Kind: KindOutcome, Call: "c", Outcome: Failed, Status: 403, RequestID: "r", ErrorCode: "CBC.1", ErrorMessage: "<\u4e2d>"},
		{Seq: 4, Commit: 3, Time: at, Kind: KindRefusal, Call: "d", ClaimedCaller: "shop", Reason: "no_grant", Cut: true},
		{Seq: 5, Commit: 3, Time: at, Kind: KindRefusals, Counts: []Count{{Reason: "seq", Count: 1}}},
	} {
		lines = append(lines, r.Append(nil))
	}
	return lines
}

// TestBrief: brief parses all lines that a gateway writes, with the values that Record has.
func TestBrief(t *testing.T) {
	for _, line := range briefLines() {
		var brief, whole Record
		if !brief.brief(string(line)) {
			t.Errorf("not read: %s", line)
		} else if err := decode(line, &whole); err != nil || !reflect.DeepEqual(brief, briefOf(&whole)) {
			t.Errorf("%s: %v\nbrief %+v\nwhole %+v", line, err, brief, briefOf(&whole))
		}
	}
}

// TestBriefLeaves: other spellings are left to the JSON parser, which may refuse them.
func TestBriefLeaves(t *testing.T) {
	for _, line := range []string{
		"", "{", "}", "{}x", `{"seq":1}}`, `{"seq":1,"seq":2}`, `{"seq":01}`, `{"seq":+1}`, `{"seq":1.0}`, `{"seq":"1"}`, `{ "seq":1}`, `{"seq":1 }`, `{"seq":1,}`,
		`{"seq":1,"caller":"a","caller":"b"}`, `{"caller":"","caller":"b"}`, `{"caller":"\u0061"}`, `{"c\u0061ller":"a"}`, `{"caller":null}`, `{"caller":1}`,
		`{"caller":"a`, `{"caller":"a\"`, `{"x":[1,2}`, `{"x":{"a":"}`, `{"x"}`, `{"x":}`, `{:1}`, `{"status":-1}`, `{"status":1e2}`, `{"deprecated":false}`,
		`{"deprecated":true,"deprecated":true}`, `{"time":"yesterday"}`, `{"fields":[]x}`, `{"fields":{}}`, `{"fields":null}`, `{"fields":[],"fields":[]}`, `{"fields":[{"name":"a","name":"b"}]}`, `{"fields":[{"values":["a"],"values":["b"]}]}`,
		`{"fields":[{"name":"a"}],"fields":[{"name":"b"}]}`, `{"fields":[{"name":"a"}{"name":"b"}]}`, `{"fields":["a"]}`, `{"fields":[{"values":["a""b"]}]}`, `{"fields":[{"omitted":01}]}`, "{\"caller\":\"\xff\"}",
	} {
		if r := new(Record); r.brief(line) {
			t.Errorf("read: %s as %+v", line, r)
		}
	}
}

// FuzzBrief: lines that both parsers read have the same values, and neither panics.
func FuzzBrief(f *testing.F) {
	for _, line := range briefLines() {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var brief, whole Record
		if !brief.brief(string(line)) || decode(line, &whole) != nil {
			return
		}
		if want := briefOf(&whole); !reflect.DeepEqual(brief, want) {
			t.Errorf("%s\nbrief %+v\nwhole %+v", bytes.ToValidUTF8(line, nil), brief, want)
		}
	})
}
