package auditcmd

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tollgate/audit/logfile"
	"tollgate/internal/cli"
	"tollgate/internal/testcli"
	"tollgate/internal/testlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run executes one command line in this process.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return testcli.Run(t, cli.Program("test", cli.Chapter("All:", Command())), args...)
}

// reviewed is a log as a reviewer meets it, with a formula that an unauthenticated peer tried to bring in.
func reviewed(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "audit")
	l := testlog.New(dir, nil)
	for i, r := range reviewedRecords() {
		r.Time = time.Date(2026, 10, 31, 15, 50+i, 6, 7e6, time.UTC)
		l.Add(r)
	}
	l.Flush()
	return dir
}

func reviewedRecords() []*logfile.Record {
	fields := func(list ...string) (fields []logfile.Field) {
		for _, text := range list {
			words := strings.Split(text, " ")
			fields = append(fields, logfile.Field{Name: words[0], Kind: words[1], Values: words[2:]})
		}
		return fields
	}
	intent := func(id, operation, effect string, list ...string) *logfile.Record {
		return &logfile.Record{
			Kind: logfile.KindIntent, Call: id, Caller: "billing-app", Source: "10.1.2.3", Site: "cn", Operation: operation, Effect: effect, Method: "POST", Path: "/v2/x",
			Credential: "main", Class: "partner", Account: "p-1", Decision: logfile.Allowed, Fields: fields(list...),
		}
	}
	outcome := func(id, outcome string, status int, list ...string) *logfile.Record {
		return &logfile.Record{Kind: logfile.KindOutcome, Call: id, Outcome: outcome, Status: status, RequestID: "req-" + id, Fields: fields(list...)}
	}
	paid := intent("c-4", "PayOrders", "spend", "order_id order CS-1001")
	paid.Credential, paid.Class, paid.Account = "acme", "customer", "c-17"
	looked := intent("c-5", "queryOrdersList", "read")
	looked.Deprecated = true
	return []*logfile.Record{
		intent("c-1", "UpdateCustomerAccountAmount", "spend", "customer_id customer c-17", "amount amount 1000.50"),
		outcome("c-1", logfile.Succeeded, 200),
		intent("c-2", "CreatePartnerCoupons", "spend", "quota_id coupon q-1", "customer_ids[] customer c-17 c-18", "face_value amount 20.00"),
		{Kind: logfile.KindRefusal, Call: "c-3", ClaimedCaller: "billing-app", Source: "192.0.2.7", Method: "GET", Path: "/=HYPERLINK(\"x\")\u202e", Decision: logfile.Refused,
			Reason: "=cmd()", Detail: "+1, \"why\"\u202e", Status: 401},
		{Kind: logfile.KindRefusals, Note: "counted", Counts: []logfile.Count{{Reason: "handshake", Source: "192.0.2.7", Count: 12}}},
		outcome("c-2", logfile.Partial, 200, "coupon_infos[].coupon_id coupon cp-1", "error_details[].id customer c-18"),
		paid,
		outcome("c-4", logfile.Unknown, 0),
		looked,
		outcome("c-5", logfile.Succeeded, 200, "data.orderInfos[].orderId order CS-1001 CS-1002", "data.orderInfos[].currencyAfterDiscount amount 99.00 150.5"),
		intent("c-6", "ReclaimToPartnerAccount", "spend", "customer_id customer c-17", "amount amount 1e2"), // in November in Shanghai
	}
}

// TestAuditGolden compares what the commands print with files. With -update it writes them.
func TestAuditGolden(t *testing.T) {
	dir := reviewed(t)
	for name, args := range map[string]string{
		"list.txt":         "list",
		"list-wide.txt":    "list -o wide",
		"list.json":        "list -o json --zone Asia/Shanghai",
		"list.csv":         "list -o csv --zone Asia/Shanghai",
		"list-spend.txt":   "list --effect spend --min-amount 500 --currency cny -n 5",
		"list-paid.txt":    "list --account c-17 --operation PayOrders",
		"list-old.csv":     "list --deprecated -o csv",
		"none.txt":         "list --caller none",
		"none.csv":         "list --caller none -o csv --bom",
		"report-wide.txt":  "report -o wide --by caller,customer",
		"report.txt":       "report --month 2026-10 --zone Asia/Shanghai",
		"report-utc.txt":   "report --month 2026-10 --by caller",
		"report.json":      "report --month 2026-11 --zone Asia/Shanghai --by operation,customer --json",
		"report.csv":       "report --by caller,customer -o csv",
		"report-paid.txt":  "report --by account --effect spend",
		"records.txt":      "records --from-seq 4",
		"records-paid.txt": "records --account c-17",
		"records.json":     "records --kind outcome --json",
		"show.txt":         "show c-2 --zone Asia/Shanghai",
		"show-refused.txt": "show c-3",
		"show-zh.txt":      "show c-2 --zone Asia/Shanghai --lang zh",
		"report-zh.txt":    "report --month 2026-10 --zone Asia/Shanghai --lang zh",
		"report-zh-w.txt":  "report -o wide --by caller,customer --lang zh",
		"show.json":        "show c-2 --json",
		"records-wide.txt": "records -o wide --from-seq 4",
		"tail.txt":         "tail -n 2",
		"tail.json":        "tail -n 1 --json --outcome open",
		"tail-record.txt":  "tail --records -n 2 --zone Asia/Shanghai",
	} {
		words := strings.Fields(args)
		code, stdout, stderr := run(t, append([]string{"audit", words[0], "--dir", dir}, words[1:]...)...)
		if source := fmt.Sprintf("source: the log in %s, to record 14\n", dir); code != cli.ExitOK || stderr != source {
			t.Errorf("%s: exit %d, %s", args, code, stderr)
		}
		testcli.Golden(t, filepath.Join("testdata", name), "audit "+args, strings.ReplaceAll(stdout, dir, "DIR"))
	}
}

// TestLangIsForPeople holds that what programs read is the same in each language, that the environment does not choose one, and that a
// language that there is not is refused.
func TestLangIsForPeople(t *testing.T) {
	dir := reviewed(t)
	for _, args := range []string{"report --json", "report -o csv", "show c-2 --json", "verify --json --allow-unsigned"} {
		command := append([]string{"audit"}, append(strings.Fields(args), "--dir", dir)...)
		code, stdout, stderr := run(t, command...)
		again, same, said := run(t, append(command, "--lang", "zh")...)
		if again != code || same != stdout || said != stderr || stdout == "" {
			t.Errorf("%s: exit %d and %d, and prints\n%s%s\n%s%s", args, code, again, stdout, stderr, same, said)
		}
	}
	_, english, _ := run(t, "audit", "report", "--dir", dir)
	t.Setenv("LANG", "zh_CN.UTF-8")
	t.Setenv("LC_ALL", "zh_CN.UTF-8")
	if _, same, _ := run(t, "audit", "report", "--dir", dir); same != english {
		t.Errorf("the environment has changed\n%s", same)
	}
	for _, command := range []string{"report", "show c-2", "verify"} {
		args := append([]string{"audit"}, append(strings.Fields(command), "--dir", dir, "--lang", "fr")...)
		if code, _, stderr := run(t, args...); code != cli.ExitUsage || !strings.Contains(stderr, "the languages are en and zh") {
			t.Errorf("%s: exit %d, %s", command, code, stderr)
		}
	}
}

// TestAuditFormatsAgree: the formats list the same calls.
func TestAuditFormatsAgree(t *testing.T) {
	dir := reviewed(t)
	_, lines, _ := run(t, "audit", "list", "--dir", dir, "--json")
	_, cells, _ := run(t, "audit", "list", "--dir", dir, "--format", "csv")
	rows, err := csv.NewReader(strings.NewReader(cells)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(strings.NewReader(lines))
	for _, row := range rows[1:] {
		var object map[string]any
		if err := decoder.Decode(&object); err != nil {
			t.Fatal(err)
		}
		for i, column := range rows[0] {
			value, has := object[column]
			if _, isText := value.(string); !has || !isText || strings.HasSuffix(column, "ed") || column == "time" {
				continue
			}
			if cell := strings.TrimPrefix(row[i], "'"); cell != strings.ReplaceAll(fmt.Sprint(value), "\u202e", "\uFFFD") {
				t.Errorf("%s of %v is %q in CSV and %q in JSON", column, object["call"], cell, value)
			}
		}
	}
	if decoder.More() {
		t.Error("JSON has more calls than CSV")
	}
}

func TestAuditUsageErrors(t *testing.T) {
	dir := t.TempDir()
	for _, args := range []string{
		"list --month 2026-10 --since 24h", "list --last 24h --until 2026-01-01", "list --month 2026-10 --last 1h", "list --month 2026-13", "list --month october",
		"list --zone Mars/Olympus", "list --zone Local", "list --zone ../etc/passwd", "list --last -3h", "list --last yesterday", "list --since 2026-02-30",
		"list --until 2026-01-01 --since 2026-01-02", "list --zone Europe/Berlin --since 2026-03-29T02:30", "list --zone Europe/Berlin --since 2026-10-25T02:30",
		"list --min-amount 1,000", "list --max-amount x", "list --currency yuan", "list --status 7", "list --outcome good", "list --site mars", "list --class either",
		"list --decision maybe", "list --limit -1", "list --limit 100001", "list -o xml", "list --format xml", "list --json -o csv", "list --json --format csv", "list --bom", "list x",
		"report --by caller,currency", "report --by caller,caller", "report -o table --json", "records --kind call", "records --from-seq 9 --to-seq 3",
		"records --effect spend", "tail --records --effect spend", "tail --month october", "tail --zone x", "tail -n -2", "show",
	} {
		words := strings.Fields(args)
		code, stdout, stderr := run(t, append([]string{"audit", words[0], "--dir", dir}, words[1:]...)...)
		if code != cli.ExitUsage || stdout != "" || !strings.HasPrefix(stderr, "tollgate: ") {
			t.Errorf("%s: exit %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
}

// TestRecordsAreTheLines: audit records --json prints the bytes of the log.
func TestRecordsAreTheLines(t *testing.T) {
	dir := reviewed(t)
	log, err := os.ReadFile(filepath.Join(dir, "00000000000000000001.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if _, stdout, _ := run(t, "audit", "records", "--dir", dir, "--json"); stdout != string(log) {
		t.Errorf("got\n%swant\n%s", stdout, log)
	}
	lines := strings.SplitAfter(string(log), "\n")
	for args, want := range map[string]string{
		"--from-seq 5 --to-seq 6": lines[4] + lines[5], "-n 2": lines[len(lines)-3] + lines[len(lines)-2], "--kind key": lines[1],
		"--since 2026-10-31T16:00:06.007Z": lines[len(lines)-2], "--call c-1": lines[3] + lines[4],
	} {
		if _, stdout, stderr := run(t, append([]string{"audit", "records", "--dir", dir, "--json"}, strings.Fields(args)...)...); stdout != want {
			t.Errorf("%s: got\n%s%swant\n%s", args, stdout, stderr, want)
		}
	}
}

// steps is a writer that does something after each thing that is written.
type steps struct {
	text  bytes.Buffer
	after func()
}

func (s *steps) Write(p []byte) (int, error) {
	defer s.after()
	return s.text.Write(p)
}

// TestTailFollows shows calls as they end, across segments, each once.
func TestTailFollows(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	l := testlog.New(dir, nil)
	records := reviewedRecords()
	add := func(from, to int) {
		for _, r := range records[from:to] {
			l.Add(r)
		}
		l.Flush()
	}
	add(0, 5) // c-1 and c-3 have ended, c-2 is open
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ticks := make(chan time.Time, 1)
	tick := func() { ticks <- time.Time{} }
	script := []func(){
		func() { add(5, 7); tick() },                // c-2 ends
		func() { l.Rotate(); add(7, 8); tick() },    // c-4 ends, in the next segment
		func() { add(8, 10); cancel(); tick() },     // c-5 ends, and is not shown any more
		func() { t.Error("something was printed") }, // c-6 is open
	}
	w := &steps{after: func() {
		next := script[0]
		script = script[1:]
		next()
	}}
	var notes bytes.Buffer
	f := tailFlags{dir: dir, times: cli.TimeFlags{Zone: time.UTC}, follow: true}
	f.calls.Filter.Last = 1
	if err := f.tail(ctx, w, &notes, ticks); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("source: the log in %s, to record 8\n", dir); notes.String() != want {
		t.Errorf("%q, want %q", &notes, want)
	}
	var seen []string
	for line := range strings.Lines(w.text.String()) {
		words := strings.Fields(line)
		seen = append(seen, words[len(words)-1])
	}
	if got := strings.Join(seen, " "); got != "CALL c-3 c-2 c-4" {
		t.Errorf("seen: %s\n%s", got, w.text.String())
	}
}

// TestTailOfADamagedLog: a fault of the log ends it, an interrupt is none.
func TestTailOfADamagedLog(t *testing.T) {
	dir := reviewed(t)
	f := tailFlags{dir: dir, times: cli.TimeFlags{Zone: time.UTC}, follow: true, records: true, format: cli.FormatFlags{Format: cli.AsJSON}}
	ticks := make(chan time.Time, 1)
	w := &steps{after: func() {
		if err := os.Truncate(filepath.Join(dir, "00000000000000000001.jsonl"), 10); err != nil {
			t.Error(err)
		}
		select {
		case ticks <- time.Time{}:
		default:
		}
	}}
	f.calls.Filter.Last = 1
	if err := f.tail(t.Context(), w, io.Discard, ticks); err == nil || !strings.Contains(err.Error(), "cut") {
		t.Errorf("%v", err)
	}
}

// failing is a full disk, or a pipe without a reader.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestAuditOutputErrors(t *testing.T) {
	dir := reviewed(t)
	for _, args := range []string{"list", "list --json", "list -o csv", "report", "report -o wide", "report --json", "report -o csv", "records", "records --json", "show c-1", "tail", "tail --json", "tail --records"} {
		words := strings.Fields(args)
		var stderr bytes.Buffer
		if code := cli.Execute(t.Context(), cli.Program("test", cli.Chapter("All:", Command())), append([]string{"audit", words[0], "--dir", dir}, words[1:]...), failing{}, &stderr); code != cli.ExitFailure {
			t.Errorf("%s: exit %d, %s", args, code, &stderr)
		}
	}
}
