package reviewcmd

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/audit/calls"
	"tollgate/audit/store"
	"tollgate/cmd/proxy/auditcmd"
	"tollgate/internal/cli"
	"tollgate/review"
	"tollgate/review/evidence"
	"tollgate/review/reviewtest"
	"tollgate/review/session"
)

type viewer struct{}

func (viewer) Who(*http.Request) *session.Person { return &session.Person{Name: "viewer"} }

// row is a call as a file has it.
type row map[string]any

// byFlags returns the rows of audit list with flags.
func byFlags(t *testing.T, dir string, flags ...string) (rows []row) {
	t.Helper()
	var out, notes bytes.Buffer
	root := cli.Program("test", cli.Chapter("test", auditcmd.Command()))
	if code := cli.Execute(t.Context(), root, append([]string{"audit", "list", "--dir", dir, "--index", dir + "-index", "--json"}, flags...), &out, &notes); code != cli.ExitOK {
		t.Fatal(flags, code, notes.String())
	}
	for line := range strings.Lines(out.String()) {
		var one row
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, one)
	}
	return rows
}

// byAddress returns the rows of the file of an address.
func byAddress(t *testing.T, h http.Handler, query url.Values) []row {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/calls.json?"+query.Encode(), nil))
	var file struct{ Calls []row }
	if err := json.Unmarshal(w.Body.Bytes(), &file); err != nil || w.Code != http.StatusOK {
		t.Fatal(query, w.Code, err, w.Body.String()[:min(200, w.Body.Len())])
	}
	return file.Calls
}

// texts returns what a row has of a member that a filter chooses by.
func (r row) texts(member string) (all []string) {
	switch v := r[member].(type) {
	case string:
		return []string{v}
	case float64:
		return []string{fmt.Sprint(v)}
	case bool:
		return []string{fmt.Sprint(v)}
	case []any:
		for _, one := range v {
			all = append(all, fmt.Sprint(one))
		}
	}
	return all
}

// members are the members of rows that filters choose by, where they have other names than those.
var members = map[string]string{"order": "orders", "customer": "customers", "coupon": "coupons", "error-code": "error_code", "request-id": "request_id"}

func memberOf(name string) string { return cmp.Or(members[name], name) }

// have reports whether each row has a value of what a parameter chooses by, and there is one.
func have(rows []row, name, value string) bool {
	return len(rows) > 0 && !slices.ContainsFunc(rows, func(r row) bool { return !slices.Contains(r.texts(memberOf(name)), value) })
}

// values returns up to three values of a parameter that calls have.
func values(p *calls.Param, rows []row) (list []string) {
	switch p.Kind {
	case calls.ParamAmount:
		return []string{"0", "150", "1e9"}
	case calls.ParamCurrency:
		return []string{"cny", "USD"}
	}
	for _, r := range slices.Backward(rows) {
		for _, text := range r.texts(memberOf(p.Name)) {
			if len(list) < 3 && !slices.Contains(list, text) {
				list = append(list, text)
			}
		}
	}
	return list
}

// days have calls with a value of each parameter, and are not many.
var days = [2]string{"2026-11-14", "2026-11-18"}

// TestAddressesChooseAsFlags: each parameter of an address chooses what the flag of audit list with its name chooses.
func TestAddressesChooseAsFlags(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	made := reviewtest.Log(dir)
	x := store.New(dir, dir+"-index")
	if _, err := x.Rebuild(t.Context(), func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	pages := review.New(review.Config{
		Logs: evidence.Logs{{Name: "log", FS: os.DirFS(dir), Dir: dir, Index: x}}, Zone: time.UTC, Clock: time.Now, Hosts: []string{"example.com"}, Door: viewer{},
	}).Handler()
	all := byFlags(t, dir, "--since", days[0], "--until", days[1])
	var choices []url.Values
	for _, p := range calls.Params {
		some := values(p, all)
		if len(some) == 0 {
			t.Errorf("no call of the log has a value of %s", p.Name)
		}
		for _, value := range some {
			choices = append(choices, url.Values{p.Name: {value}, "since": {days[0]}, "until": {days[1]}})
		}
	}
	choices = append(choices,
		url.Values{"since": {"2026-11-03"}, "until": {"2026-11-04 12:00"}, "zone": {"Asia/Shanghai"}}, url.Values{"month": {"2026-10"}, "status": {"403"}}, url.Values{"last": {"10000d"}, "outcome": {"open"}},
		url.Values{"month": {"2026-11"}, "zone": {"Asia/Shanghai"}, "caller": {"shop"}, "min-amount": {"100"}, "currency": {"CNY"}}, url.Values{"caller": {"none"}},
		url.Values{"call": {"urn:uuid:" + made.Calls[reviewtest.Paid]}},
	)
	chosen := 0
	compared := map[calls.ParamKind]bool{calls.ParamText: true, calls.ParamChoice: true, calls.ParamSwitch: true, calls.ParamStatus: true}
	for _, query := range choices {
		var flags []string
		for name := range query {
			flags = append(flags, "--"+name+"="+query.Get(name))
		}
		want, got := byFlags(t, dir, flags...), byAddress(t, pages, query)
		chosen += len(want)
		same := slices.EqualFunc(got, want, func(a, b row) bool {
			delete(a, "read_from")
			delete(b, "read_from")
			return fmt.Sprint(a) == fmt.Sprint(b)
		})
		for name := range query {
			if p := calls.ParamNamed(name); p != nil && len(query) == 3 && compared[p.Kind] && !have(got, name, query.Get(name)) {
				t.Errorf("%v: %d calls, of which one at least is another", query, len(got))
			}
		}
		if !same {
			t.Errorf("%v: %d calls by the address, %d by flags", query, len(got), len(want))
		}
	}
	if chosen < len(all) {
		t.Errorf("only %d calls were chosen", chosen)
	}
}
