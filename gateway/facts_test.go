package gateway_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/audit"
	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/catalog"
	"tollgate/gateway"
	"tollgate/internal/decimal"
	"tollgate/ratelimit"
	"tollgate/signing"
)

// transfer is a spend call with an amount, as JSON.
func transfer(amount string) signed {
	return signed{
		caller: partnerCaller, method: "POST", target: "/v2/accounts/partner-accounts/adjust-amount", body: `{"customer_id":"c-17","amount":` + amount + `}`,
	}
}

// coupons is a spend call for customers, with a memo.
func coupons(memo string, customers ...string) signed {
	ids, _ := json.Marshal(customers)
	text, _ := json.Marshal(memo)
	return signed{
		caller: partnerCaller, method: "POST", target: "/v2/promotions/benefits/partner-coupons",
		body: fmt.Sprintf(`{"quota_id":"q","customer_ids":%s,"face_value":"5.00","memo":%s}`, ids, text),
	}
}

func padded(n, length int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%0*d", length, i)
	}
	return ids
}

var badAmounts = []string{
	`" 777777"`, `"777777 "`, `"777780f"`, `"777,779"`, `""`, `" "`, `"1e41"`, "1e41", `"1e"`, `"0x10"`, `"１２"`, `"1_000"`, `"NaN"`, `"--5"`, "true", "false", "{}", "[5]",
	`"` + strings.Repeat("9", 65) + `"`, `"` + strings.Repeat(" ", 1025) + `5"`, `"5` + strings.Repeat(" ", 1<<16) + `"`, "5." + strings.Repeat("0", 2000),
}

// refusedUnsent checks that a call was refused before anything was done for it, and returns its record.
func (f *fixture) refusedUnsent(t testing.TB, got *reply, code string) logfile.Record {
	t.Helper()
	got.wantCode(t, code)
	f.origin.none(t)
	if intents := f.log.of(logfile.KindIntent); len(intents) > 0 {
		t.Errorf("an intent was written: %+v", intents)
	}
	records := f.log.of(logfile.KindRefusal)
	if len(records) == 0 {
		t.Fatal("no refusal is on record")
	}
	return records[len(records)-1]
}

// TestBadAmounts: what a sum would leave out is not sent.
func TestBadAmounts(t *testing.T) {
	f := start(t)
	for _, amount := range badAmounts {
		got := f.call(t, transfer(amount))
		r := f.refusedUnsent(t, got, "TG.1008")
		if detail := got.problem(t).Detail; !strings.Contains(detail, "amount") || strings.Contains(detail, "7777") {
			t.Errorf("%.40s: detail %q", amount, detail)
		}
		if r.Reason != "bad_amount" {
			t.Errorf("%.40s: recorded as %q", amount, r.Reason)
		}
		if text, ok := strings.CutPrefix(amount, `"`); ok && len(text) < 100 {
			if field := r.Fields[1]; !slices.Equal(field.Values, []string{strings.TrimSuffix(text, `"`)}) || field.Unsummed != 1 {
				t.Errorf("%s: recorded as %+v", amount, field)
			}
		}
	}
	for _, s := range []signed{transfer("null"), transfer(`"1E-40"`), transfer(`-1`)} { // which is no amount that can be distinguished from others
		f.refusedUnsent(t, f.call(t, s), "TG.1009")
	}
	for _, s := range []signed{transfer(`"+5.00"`), transfer(`"1e3"`), transfer(`"1E-4"`)} {
		if got := f.call(t, s); got.status != 200 {
			t.Errorf("%s: %d %s", s.body, got.status, got.body)
		}
	}
}

// TestBadAmountsEverywhere: the rule holds for each amount that the catalog names, wherever it stands.
func TestBadAmountsEverywhere(t *testing.T) {
	f, tested := start(t), 0
	for _, site := range catalog.Sites() {
		for _, o := range catalog.Operations(site) {
			for _, field := range o.Request {
				if field.Kind != catalog.FieldAmount || o.Effect == catalog.Read {
					continue
				}
				tested++
				s := callOf(o, partnerCaller, partnerAccount)
				inBody := s
				inBody.body = `{"` + field.Name + `":"777,779"}`
				s.target, s.body = s.target+"?"+field.Name+"=+777777", "{}"
				f.refusedUnsent(t, f.call(t, inBody), "TG.1008")
				f.refusedUnsent(t, f.call(t, s), "TG.1008")
			}
		}
	}
	if tested < 16 {
		t.Errorf("the catalog has %d amounts", tested)
	}
}

// asPartner makes all who reach the listener a caller that may call all partner operations, and the internal app.
func asPartner(f *fixture) { f.listener.Caller = partnerCaller }

func (s signed) unsigned() string { return plain(s.method, s.target, s.body) }

// What a query that names a secret says is never recorded, so a call of the catalog that does more than read has none; a read may.
func TestQueriesThatNameSecrets(t *testing.T) {
	for _, query := range []string{"?token=secret-value", "?a=1&X-Auth-Token=secret-value", "?password="} {
		f := start(t, asPartner)
		spend := transfer("5")
		spend.target += query
		got := f.send(t, spend.unsigned())
		if r := f.refusedUnsent(t, got, "TG.1007"); strings.Contains(got.body, "secret-value") || r.Query != "" {
			t.Errorf("answer %s, recorded %q", got.body, r.Query)
		}
		if got := f.send(t, plain("GET", "/echo/x"+query, "")); got.code() != "" {
			t.Errorf("a read is refused: %s", got.body)
		}
	}
}

// TestNotRecordable: what the log cannot hold whole is not sent, whatever the effect of it is.
func TestNotRecordable(t *testing.T) {
	raw := func(n int) string { return strings.Repeat("金", n) } // nine bytes each in canonical form
	with := func(s signed, query string) signed { s.target += query; return s }
	app := func(method, target string) signed { return signed{method: method, target: target, body: "x"} }
	id, escaped := strings.Repeat("a", 1024), strings.Repeat("!", 6000) // "!" is sent as %21
	for name, c := range map[string]struct {
		call signed
		what string // is too long
	}{
		"100 customers of 1 KiB":     {coupons("", padded(100, 1024)...), "customer_ids[]"},
		"101 customers":              {coupons("", padded(101, 5)...), "customer_ids[]"},
		"a memo beyond 1 KiB":        {coupons(id+"a", "c-17"), "memo"},
		"together beyond 48 KiB":     {coupons(strings.Repeat("\x01", 1024), padded(100, 450)...), "memo"},
		"16 KB of raw UTF-8":         {with(transfer("5"), "?x="+raw(5400)), "query"},
		"an id in the query":         {with(coupons("", "c-17"), "?card_id="+id), ""},
		"a long id in the query":     {with(coupons("", "c-17"), "?quota_id="+id+"a"), "bad_body"}, // given twice
		"many parameters":            {with(transfer("5"), "?"+strings.Repeat("a="+raw(15)+"&", 250)+"z=1"), "query"},
		"a path of an app":           {app("POST", "/change/"+escaped), "path"},
		"a query of an app":          {app("POST", "/change/x?x="+raw(2000)), "query"},
		"a method of an app":         {app(strings.Repeat("M", 16<<10+1), "/change/x"), "method"},
		"path and query of an app":   {app("POST", "/change/"+escaped[:5400]+"?x="+raw(1800)), ""},
		"a query that names secrets": {app("POST", "/change/x?token="+raw(2000)), ""}, // only its length is ever recorded
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, asPartner)
			got := f.send(t, c.call.unsigned())
			switch c.what {
			case "":
				if got.status != 200 {
					t.Fatalf("answer %d %s", got.status, got.body)
				}
				whole(t, f.log.only(t, logfile.KindIntent))
			case "bad_body":
				f.refusedUnsent(t, got, "TG.1005")
			default:
				r := f.refusedUnsent(t, got, "TG.1007")
				if detail := got.problem(t).Detail; !strings.HasPrefix(detail, c.what+" is too long") || r.Reason != "not_recordable" {
					t.Errorf("%s, recorded as %s", detail, r.Reason)
				}
				if len(r.Append(nil)) > 4<<10 {
					t.Errorf("the refusal takes %d bytes of the log", len(r.Append(nil)))
				}
			}
		})
	}
}

// whole checks that a record holds all that was asked.
func whole(t testing.TB, r logfile.Record) {
	t.Helper()
	if line := string(r.Append(nil)); strings.Contains(line, `"cut":true`) || strings.Contains(line, `"omitted"`) {
		t.Errorf("the record is not whole: %.300s", line)
	}
}

// TestRefusedBeforeLimits: a call that will not be sent takes nothing of a quota.
func TestRefusedBeforeLimits(t *testing.T) {
	f := start(t, asPartner, func(f *fixture) {
		f.plan.Limits = must(ratelimit.NewRules(ratelimit.Config{Rules: []ratelimit.Rule{{Name: "one", Per: []ratelimit.Dimension{ratelimit.ByCaller}, Rate: 0.001, Burst: 1}}}))
	})
	for range 3 {
		f.send(t, transfer(`"777,779"`).unsigned()).wantCode(t, "TG.1008")
		f.send(t, coupons(strings.Repeat("a", 1025), "c-17").unsigned()).wantCode(t, "TG.1007")
	}
	if got := f.send(t, transfer("5").unsigned()); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestReadsLeaveLengthAndHash: a read is sent, and what its record cannot hold can be recognised.
func TestReadsLeaveLengthAndHash(t *testing.T) {
	f := start(t, asPartner)
	query, path := "x="+strings.Repeat("金", 5400), "/app/"+strings.Repeat("!", 6000)
	if got := f.send(t, plain("GET", path+"?"+query, "")); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	r := asWritten(t, f.log.only(t, logfile.KindIntent))
	sentQuery, sentPath := must(signing.ParseQuery(query)).Canonical(), signing.CanonicalPath(path)
	if !r.Cut || r.QueryBytes != int64(len(sentQuery)) || r.QueryMAC != f.config.MAC.Text(sentQuery) || r.PathBytes != int64(len(sentPath)) ||
		r.PathMAC != f.config.MAC.Text(sentPath) || r.PathHash+r.QueryHash != "" {
		t.Errorf("path %d %s%s, query %d %s%s, cut %v", r.PathBytes, r.PathHash, r.PathMAC, r.QueryBytes, r.QueryHash, r.QueryMAC, r.Cut)
	}
	f = start(t, asPartner) // of the catalog's own texts the hash is plain
	query = "customer_id=" + strings.Repeat("金", 5400)
	if got := f.send(t, plain("GET", "/v2/orders/customer-orders?"+query, "")); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	r, sentQuery = asWritten(t, f.log.only(t, logfile.KindIntent)), must(signing.ParseQuery(query)).Canonical()
	if !r.Cut || r.QueryBytes != int64(len(sentQuery)) || r.QueryHash != sha256Of(sentQuery) || r.QueryMAC != "" {
		t.Errorf("query %d %s%s, cut %v", r.QueryBytes, r.QueryHash, r.QueryMAC, r.Cut)
	}
}

// TestReadsKeepAmountsAsReceived: no read of the catalog names an amount today, so one is declared for the test.
func TestReadsKeepAmountsAsReceived(t *testing.T) {
	read := &catalog.Operation{
		Site: "cn", Name: "ListByAmount", Method: "POST", Path: "/v2/list", Effect: catalog.Read, Class: catalog.ClassPartner,
		Request: []catalog.Field{{Name: "amount", Kind: catalog.FieldAmount}, {Name: "ids[]", Kind: catalog.FieldCustomer}},
	}
	for body, unsummed := range map[string]int{`{"amount":" 777777"}`: 1, `{"amount":"777780f"}`: 1, `{"amount":true}`: 1, `{"amount":"5"}`: 0, `{"amount":null}`: 0} {
		facts, refusal := gateway.ReadFacts(read, "/v2/list", signing.Query{}, []byte(body))
		if refusal != nil || len(facts.Fields) > 0 && facts.Fields[0].Unsummed != unsummed || len(facts.Fields) == 0 && body != `{"amount":null}` {
			t.Errorf("%s: %+v, %v", body, facts, refusal)
		}
	}
	ids, _ := json.Marshal(padded(101, 5))
	if facts, refusal := gateway.ReadFacts(read, "/v2/list", signing.Query{}, []byte(`{"ids":`+string(ids)+`}`)); refusal != nil || facts.Fields[0].Omitted != 1 {
		t.Errorf("%+v, %v", facts, refusal)
	}
}

// TestHashesOfSecrets: a short secret could be searched from a hash, so there is none where a query names one, or where the
// catalog says that there may be one.
func TestHashesOfSecrets(t *testing.T) {
	long := strings.Repeat("金", 5400)
	for _, target := range []string{"/app/x?token=" + long, "/app/x?a=b&Pass%77ord=" + long} {
		f := start(t, asPartner)
		if got := f.send(t, plain("GET", target, "")); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		if r := asWritten(t, f.log.only(t, logfile.KindIntent)); r.QueryBytes == 0 || r.QueryHash != "" || strings.Contains(r.Query, "=%E9") || r.QueryMAC == "" {
			t.Errorf("%.30s: %d bytes of query, hashes %q, %q", target, r.QueryBytes, r.QueryHash, r.QueryMAC)
		}
	}
	tested := 0
	for _, o := range catalog.Operations("cn") {
		if o.Sensitive {
			tested++
			f := start(t)
			s := callOf(o, partnerCaller, partnerAccount)
			s.target += "?code=" + strings.Repeat("1", 1<<10)
			f.call(t, s)
			if written := f.log.text(); strings.Contains(written, "query_hash") || strings.Contains(written, "path_hash") || strings.Contains(written, "all_hash") {
				t.Errorf("%s: %s", o.Name, written)
			}
		}
	}
	if tested == 0 {
		t.Error("no operation is sensitive")
	}
}

// asWritten returns a record as readers of the log have it.
func asWritten(t testing.TB, r logfile.Record) (got logfile.Record) {
	t.Helper()
	if err := json.Unmarshal(r.Append(nil), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

func sha256Of(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// TestAnIntentThatWouldBeCutIsNotSent: should the facts and the log ever disagree, nothing goes out.
func TestAnIntentThatWouldBeCutIsNotSent(t *testing.T) {
	f := start(t, asPartner, func(f *fixture) {
		f.log.intent = func(context.Context, *logfile.Record) error { return audit.ErrCut }
	})
	f.refusedUnsent(t, f.send(t, transfer("5").unsigned()), "TG.9001")
	if outcomes := f.log.of(logfile.KindOutcome); len(outcomes) > 0 {
		t.Errorf("outcomes without an intent: %+v", outcomes)
	}
}

// TestAmountsFromCallToReport goes the whole way with a real log: what was sent is in the sums, what is in no sum is said to be.
func TestAmountsFromCallToReport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	log, _, err := audit.Open(audit.Options{Config: audit.Config{Dir: dir}})
	if err != nil {
		t.Fatal(err)
	}
	answer := `{"simple_quota_infos":[{"quota_id":"q","quota_balance":"777,779"}]}`
	f := start(t, asPartner, answering("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "+fmt.Sprint(len(answer))+"\r\n\r\n"+answer), func(f *fixture) {
		f.config.Log, f.config.Refusals = log, audit.NewRefusals(log, audit.RefusalBounds{PerSource: 1000})
	})
	sent := 0
	for _, amount := range append([]string{`"777777"`, "777778.5"}, badAmounts...) {
		if f.send(t, transfer(amount).unsigned()).status == 200 {
			sent++
		}
	}
	for _, customers := range [][]string{padded(100, 100), padded(100, 128)} {
		if f.send(t, coupons("", customers...).unsigned()).status == 200 {
			sent++
		}
	}
	if got := f.send(t, plain("POST", "/v2/partners/coupon-quotas/indirect-partner-reclaim", `{"quota_ids":["q"]}`)); got.status == 200 {
		sent++
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := log.Close(ctx); err != nil {
		t.Fatal(err)
	}
	report := calls.NewReport([]calls.Dimension{calls.ByOperation}, nil)
	least := must(decimal.Parse("777777"))
	filter, large, rows := calls.Filter{MinAmount: &least, Decision: logfile.Allowed}, 0, 0
	err = calls.Scan{Dir: dir}.Calls(t.Context(), &calls.Filter{}, func(c *calls.Call) error {
		if filter.Match(c) {
			large++
		}
		if row := c.Row(time.UTC); row.Decision == logfile.Allowed {
			rows++
			if c.Intent.Cut || row.Unsummed > 0 && row.Operation != "ReclaimCouponQuotas" {
				t.Errorf("%+v", row)
			}
		}
		return report.Add(c)
	})
	if err != nil || rows != sent || large != 3 { // the third is the one whose size the answer does not say
		t.Errorf("%d calls of %d are on record, %d of them large, %v", rows, sent, large, err)
	}
	money, total := report.Money(), report.Total()
	if len(money) != 1 || money[0].Moved.String() != "1556555.50" || total.NoAmount != 1 || total.Unsummed != 1 {
		t.Errorf("%+v %+v", money, total)
	}
}

// FuzzFacts: a call that changes something and passes has numbers for amounts, and a record that holds it whole.
func FuzzFacts(f *testing.F) {
	f.Add("x=1", []byte(`{"quota_id":"q","customer_ids":["c-17"],"face_value":"5.00","memo":"x"}`), "/v2/promotions/benefits/partner-coupons")
	f.Add("face_value=+5", []byte(`{"face_value":" 5"}`), "/x")
	f.Add("x="+strings.Repeat("金", 5000), []byte(`{"memo":"`+strings.Repeat("\\u0001", 1024)+`"}`), "/"+strings.Repeat("é", 2000))
	f.Add("", []byte(coupons("", padded(100, 500)...).body), "/")
	operation := catalog.Find("cn", "CreatePartnerCoupons")
	f.Fuzz(func(t *testing.T, rawQuery string, body []byte, rawPath string) {
		path, err := signing.ParsePath(rawPath)
		query, err2 := signing.ParseQuery(rawQuery)
		if err != nil || err2 != nil {
			return
		}
		facts, refusal := gateway.ReadFacts(operation, path, query, body)
		if refusal != nil {
			return
		}
		r := logfile.Record{Effect: "spend", Method: "POST", Path: signing.CanonicalPath(path), Query: query.Canonical()}
		for _, v := range facts.Fields {
			field := logfile.Field{Name: v.Name, Kind: string(v.Kind), Values: v.Values, Omitted: v.Omitted}
			r.Fields = append(r.Fields, field)
			for _, text := range v.Values {
				if _, err := decimal.Parse(text); err != nil && v.Kind == catalog.FieldAmount {
					t.Errorf("the amount %q passed", text)
				}
			}
		}
		whole(t, r)
	})
}
