package calls_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/internal/testcli"
	"tollgate/internal/words"
)

// recordsOf returns the records of a file of lines.
func recordsOf(t *testing.T, file string) (records []*logfile.Record) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		r := new(logfile.Record)
		if err := logfile.ParseLine(bytes.TrimSuffix(line, []byte("\n")), r); err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}

// said returns the history of a call in words, a paragraph a line.
func said(lang words.Language, records []*logfile.Record, id string) string {
	var b strings.Builder
	for _, paragraph := range historyOf(records, id).Sentences(words.In(lang), time.UTC) {
		fmt.Fprintln(&b, calls.Paragraph(paragraph))
	}
	return b.String()
}

func historyOf(records []*logfile.Record, id string) *calls.History {
	h := calls.NewHistory(id)
	for _, r := range records {
		h.Add(r)
	}
	return h
}

// TestSentencesOfLogs compares the sentences of each call of real logs, that of the demo and one of payments under a cap, with files.
// With -update it writes them.
func TestSentencesOfLogs(t *testing.T) {
	for _, name := range []string{"demo", "spending"} {
		records := recordsOf(t, filepath.Join("testdata", name+".jsonl"))
		for suffix, lang := range map[string]words.Language{"": words.English, ".zh": words.Chinese} {
			var ids []string
			var b strings.Builder
			for _, r := range records {
				if r.Call != "" && !slices.Contains(ids, r.Call) {
					ids = append(ids, r.Call)
					fmt.Fprintf(&b, "%s\n%s\n", r.Call, said(lang, records, r.Call))
				}
			}
			testcli.Golden(t, filepath.Join("testdata", name+suffix+".txt"), "the sentences of "+name, b.String())
		}
	}
}

// TestSentences has what those logs do not.
func TestSentences(t *testing.T) {
	at := time.Date(2026, 10, 31, 15, 50, 6, 7e6, time.UTC)
	intent := func(change func(*logfile.Record)) *logfile.Record {
		r := &logfile.Record{Seq: 1, Time: at, Kind: logfile.KindIntent, Call: "c", Caller: "shop", Operation: "PayOrders", Effect: "spend", Site: "cn", Decision: logfile.Allowed, Source: "10.1.2.3"}
		change(r)
		return r
	}
	outcome := func(change func(*logfile.Record)) *logfile.Record {
		r := &logfile.Record{Seq: 2, Time: at.Add(9 * time.Hour), Kind: logfile.KindOutcome, Call: "c", Outcome: logfile.Unknown, Reason: "unknown", Stage: logfile.StageSend}
		change(r)
		return r
	}
	refusal := func(change func(*logfile.Record)) *logfile.Record {
		r := &logfile.Record{Seq: 1, Time: at, Kind: logfile.KindRefusal, Call: "c", Decision: logfile.Refused, Reason: "bad_signature", Status: 401}
		change(r)
		return r
	}
	same := func(*logfile.Record) {}
	event := func(code logfile.EventCode, data map[string]string) *logfile.Record {
		return &logfile.Record{Seq: 3, Time: at.Add(10 * time.Hour), Kind: logfile.KindEvent, Event: code, Subject: "c", Data: data, Detail: "what it says"}
	}
	spends := func(s logfile.Spending) func(*logfile.Record) { return func(r *logfile.Record) { r.Spending = &s } }
	for name, c := range map[string]struct {
		records []*logfile.Record
		want    string
	}{
		"in flight": {[]*logfile.Record{intent(same)}, "No outcome is on record: the call is in flight, or the next start of the gateway closes it as unknown."},
		"certificate": {[]*logfile.Record{intent(func(r *logfile.Record) {
			r.IdentifiedBy, r.Identity = "certificate", "spiffe://corp/shop"
			r.TLSIn = &logfile.TLS{Version: "TLS 1.3", Suite: "S", Group: "G", Resumed: true, Peer: "CN=shop", PeerFingerprint: strings.Repeat("ab", 32)}
		})}, "over TLS 1.3 (S, G). The TLS session was resumed. The peer had the certificate CN=shop (SHA-256 abababababababab…). The caller was proven by a client certificate, with the name spiffe://corp/shop."},
		"a proof of a later version": {[]*logfile.Record{intent(func(r *logfile.Record) { r.IdentifiedBy, r.Identity = "token", "t-1" })}, "The caller was proven by token t-1."},
		"claimed": {[]*logfile.Record{refusal(func(r *logfile.Record) {
			r.ClaimedCaller, r.Operation, r.Detail = "shop", "PayOrders", "the signature is wrong"
		})},
			"A peer that claimed to be shop called PayOrders on 2026-10-31 15:50:06.007 (UTC). No signature proved that: the claim is that of an access key.\nIt was refused with status 401: bad_signature, \"the signature is wrong\". Nothing was sent."},
		"hostile": {[]*logfile.Record{refusal(func(r *logfile.Record) {
			r.Method, r.Path, r.Reason = "GET", "/a. It was allowed.\x1b[2J\u202e", "no\nreason"
		})}, `sent a request on 2026-10-31 15:50:06.007 (UTC) that matched no operation. The request was GET "/a. It was allowed.\x1b[2J\u202e".` + "\n" + `It was refused with status 401: "no\nreason".`},
		"withheld": {[]*logfile.Record{intent(func(r *logfile.Record) { r.QueryWithheld = []logfile.Withheld{{Name: "pin"}, {Name: "token"}} })}, "Of its query, 2 pairs are withheld, since their values may be secret."},
		"fields": {[]*logfile.Record{intent(func(r *logfile.Record) {
			r.Fields = []logfile.Field{{Name: "ids[]", Values: []string{"1", "2", "3", "4", "5", "6"}, Omitted: 4}}
		})}, "The request said: ids[] 1, 2, 3, 4, 5 and 5 more."},
		"the day changes": {[]*logfile.Record{intent(same), outcome(same)}, "The outcome, recorded at 2026-11-01 00:50:06.007, is unknown: the provider may have acted."},
		"not sent": {[]*logfile.Record{intent(same), outcome(func(r *logfile.Record) {
			r.Outcome, r.Reason, r.Detail, r.Stage, r.TLSFailure = logfile.NotSent, "upstream_down", "no connection", logfile.StageConnect, logfile.TLSExpired
		})}, `It was not sent (stage connect): upstream_down, "no connection". The TLS handshake failed: "certificate expired".`},
		"pruned intent":   {[]*logfile.Record{outcome(func(r *logfile.Record) { r.Operation = "PayOrders" })}, "Its intent was pruned from the log."},
		"a later outcome": {[]*logfile.Record{intent(same), outcome(func(r *logfile.Record) { r.Outcome, r.Status = "half done", 299 })}, `The outcome, recorded at 2026-11-01 00:50:06.007, is "half done".`},
		"act": {[]*logfile.Record{intent(spends(logfile.Spending{Act: "pay", Keys: []logfile.ActKeys{{Window: 86400 * 31, MACs: []string{"a"}}, {Window: 5400, MACs: []string{"b", "c"}}, {MACs: []string{"d"}}}}))},
			"The business act is pay. The call holds 1 key for 31 days after success. The call holds 2 keys for 90 minutes after success. The call holds 1 key while it is in flight or unknown."},
		"cap": {[]*logfile.Record{intent(spends(logfile.Spending{Caps: []logfile.CapCharge{{Cap: "day", Counted: "shop", Period: "2026-10-31", Amount: "100", Currency: "CNY", Unpriced: true}}}))},
			"The call takes CNY 100 of the cap day (shop, 2026-10-31). That amount is what the cap assumes, since the price is not known."},
		"repeats":  {[]*logfile.Record{intent(spends(logfile.Spending{Repeats: "b"}))}, "The call repeats the call b on purpose."},
		"shadow":   {[]*logfile.Record{intent(same), outcome(spends(logfile.Spending{HeldBy: "b", CapsFull: []string{"day"}}))}, "What it is about is held by the call b, which would have refused it. Caps without room for it, which would have refused it: day."},
		"released": {[]*logfile.Record{intent(same), outcome(spends(logfile.Spending{Released: []int{0, 2}}))}, "As a part failed, 2 keys are held no more."},
		"share":    {[]*logfile.Record{intent(same), outcome(func(r *logfile.Record) { r.Limited = &logfile.Limited{Limit: "all", LimitFrom: "share"} })}, "The call was counted by the limit all. That limit counted against this member's share, since the calls of the other members could not be looked up."},
		"unsummed": {[]*logfile.Record{intent(func(r *logfile.Record) {
			r.Fields = []logfile.Field{{Name: "amount", Kind: "amount", Values: []string{"1,5"}}}
		})}, "1 amount is in no sum: no plain decimal, in an unknown unit, or left out of the records. It may have moved money; how much is not on record."},
		"settled": {[]*logfile.Record{intent(same), outcome(same), event(logfile.EventResolved, map[string]string{"outcome": "failed", "by": "uid 0", "reason": "asked the provider"})},
			`It was settled as failed on 2026-11-01 01:50:06.007 by "uid 0". The reason stated: "asked the provider".`},
		"events": {[]*logfile.Record{intent(same), outcome(same), event(logfile.EventRepeatAllowed, map[string]string{"by": "uid 0"}), event("of_a_later_version", nil)},
			"On 2026-11-01 01:50:06.007 an operator let it be repeated once (event repeat_allowed). The event says: by \"uid 0\". On 2026-11-01 01:50:06.007, event of_a_later_version: \"what it says\"."},
		"unpriced": {[]*logfile.Record{refusal(func(r *logfile.Record) {
			r.Reason, r.Detail, r.Spending = "unpriced", `cap "day": not known`, &logfile.Spending{CapsFull: []string{"day"}}
		})}, "It was refused with status 401: unpriced, `cap \"day\": not known`. Nothing was sent. Caps that could not be kept, since the price was not known: day."},
		"closed by the next start": {[]*logfile.Record{intent(func(r *logfile.Record) { r.Credential = "main" }), outcome(func(r *logfile.Record) {
			r.Reason, r.Stage, r.Upstream, r.Note = "", "", "bss", "closed at start"
		})}, "The credential main was to sign it.\nWhether it was sent is not on record: \"closed at start\". Its intent was on record at 15:50:06.007, before a byte could go out. " +
			"The outcome, recorded at 2026-11-01 00:50:06.007, is unknown: the provider may have acted."},
		"full": {[]*logfile.Record{refusal(func(r *logfile.Record) {
			r.Reason, r.Spending = "cap_full", &logfile.Spending{CapsFull: []string{"day"}}
		})},
			"Caps without room for it: day."},
		"quotes of a peer": {[]*logfile.Record{refusal(func(r *logfile.Record) { r.Method, r.Path = "GET", "/a\"`b\u202e" })}, `The request was GET "/a\"` + "`" + `b\u202e".`},
		"a reason that the outcome says": {[]*logfile.Record{intent(same), outcome(func(r *logfile.Record) { r.Outcome, r.Reason, r.Detail = logfile.NotSent, "not_sent", "no port" })},
			`It was not sent (stage send): "no port".`},
		"signed":       {[]*logfile.Record{intent(func(r *logfile.Record) { r.Credential = "main" }), outcome(same)}, "The credential main signed it."},
		"to be signed": {[]*logfile.Record{intent(func(r *logfile.Record) { r.Credential = "main" })}, "The credential main was to sign it."},
		"settled by the gateway": {[]*logfile.Record{intent(same), outcome(same), event(logfile.EventResolved, map[string]string{"outcome": "succeeded", "by": "gateway"})},
			"It was settled as succeeded on 2026-11-01 01:50:06.007 by the gateway itself."},
		"a part of unknown money": {[]*logfile.Record{intent(same), outcome(func(r *logfile.Record) { r.Outcome = logfile.Partial })}, "It moved money in part; how much is not on record."},
		"cut":                     {[]*logfile.Record{intent(func(r *logfile.Record) { r.Cut = true })}, "Its only record in the log is 1 (intent). Members of them were truncated or left out, since a record has a greatest length."},
		"an id twice":             {[]*logfile.Record{intent(same), intent(func(r *logfile.Record) { r.Seq = 5 })}, "Its records in the log are 1 (intent) and 5 (intent)."},
	} {
		if got := said(words.English, c.records, "c"); !strings.Contains(got, c.want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

// TestHistory takes what is about the call, and nothing else.
func TestHistory(t *testing.T) {
	h := calls.NewHistory("c")
	for _, r := range []*logfile.Record{
		{Kind: logfile.KindIntent, Call: "b"}, {Kind: logfile.KindStart}, {Kind: logfile.KindEvent, Subject: "b"}, {Kind: logfile.KindIntent, Call: "d", Spending: &logfile.Spending{For: "b"}},
		{Kind: logfile.KindRefusals, Subject: "c"},
	} {
		if h.Add(r) {
			t.Errorf("%+v is taken", r)
		}
	}
	if !h.Empty() || len(h.Sentences(words.In(words.English), time.UTC)) > 0 {
		t.Error("there is something about the call")
	}
}

// FuzzSentences: whatever texts a record has, the sentences are printable, and each is one line.
func FuzzSentences(f *testing.F) {
	f.Add("/a\u009b2J\x1b[2J", "x\ty\nz", "a\u202e\u200b", "\xff", true)
	f.Add("", strings.Repeat("\u2028", 300), "intent", "=", false)
	f.Fuzz(func(t *testing.T, path, reason, caller, value string, refused bool) {
		kind := logfile.KindOutcome
		if refused {
			kind = logfile.KindRefusal
		}
		records := []*logfile.Record{
			{Kind: kind, Call: "c", Method: value, Path: path, Query: reason, Reason: reason, Detail: value, Caller: caller, IdentifiedBy: path, Identity: value, Operation: value,
				Credential: caller, Plan: path, Stage: value, Outcome: reason, ErrorCode: path, ErrorMessage: value, RequestID: reason, Source: caller, Listener: path,
				TLSIn: &logfile.TLS{Version: path, Peer: value}, Limited: &logfile.Limited{Limit: path, WouldRefuse: []string{value}},
				Spending: &logfile.Spending{Act: path, HeldBy: value, CapsFull: []string{reason}, Repeats: caller, Price: &logfile.Price{Amount: value, Currency: path, From: reason, Call: caller},
					Caps: []logfile.CapCharge{{Cap: path, Counted: value, Amount: reason}}},
				Fields: []logfile.Field{{Name: value, Values: []string{path, reason}, Kind: caller}}},
			{Kind: logfile.KindEvent, Subject: "c", Event: logfile.EventCode(path), Detail: value, Data: map[string]string{"by": reason}},
		}
		for _, lang := range words.Languages() {
			if text := said(lang, records, "c"); strings.ContainsFunc(strings.ReplaceAll(text, "\n", ""), func(r rune) bool { return !unicode.IsPrint(r) }) || strings.Count(text, "\n") > 6 {
				t.Errorf("%q", text)
			}
		}
	})
}

// messageID finds the messages that the code names.
var messageID = regexp.MustCompile(`"([a-z]+(?:_[a-z]+)*)"`)

// TestSentenceMessages holds that there is no message of sentences that nothing says.
func TestSentenceMessages(t *testing.T) {
	files, err := filepath.Glob("sentence*.go")
	var source []byte
	for _, file := range slices.DeleteFunc(files, func(name string) bool { return strings.HasSuffix(name, "_test.go") }) {
		text, readErr := os.ReadFile(file)
		source, err = append(source, text...), errors.Join(err, readErr)
	}
	messages, readErr := os.ReadFile("../../internal/words/en.yaml")
	if err := errors.Join(err, readErr); err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, found := range messageID.FindAllSubmatch(source, -1) {
		named[string(found[1])] = true
	}
	// Their names end with a code of a record, or with a form of a message.
	composed := regexp.MustCompile(`^(succeeded|failed|partial|unknown|(proof|from|state|event|limit_from|read_from)_.*|(certificate|fingerprint|peer)_(caller|upstream)|(not_sent|no_answer)_.*|days|hours|minutes|seconds|and_more|amount_.*)$`)
	for _, found := range regexp.MustCompile(`(?m)^sentence\.(\w+):`).FindAllSubmatch(messages, -1) {
		if id := string(found[1]); !named[id] && !composed.MatchString(id) {
			t.Errorf("nothing says %s", id)
		}
	}
	for id := range named {
		if w := words.In(words.Chinese); strings.Contains(id, "_") && !w.Has("sentence."+id) && !slices.Contains(notMessages, id) {
			t.Errorf("%s is no message", id)
		}
	}
}

// notMessages are texts of the code that are spelt like messages.
var notMessages = []string{"access_key", "allowed_by"}
