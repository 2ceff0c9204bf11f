package catalog

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/internal/setting"
)

// actHead is the first line of acts.csv.
const actHead = actColumns + "\n"

func TestActsRefuse(t *testing.T) {
	const (
		operations = operationColumns + "\ncn,A,POST,/a,x,either,doc,spend,,,200,no\ncn,B,POST,/b,x,either,doc,write,,,200,no\n"
		facts      = "*,A,request,id:order ids[]:order n:amount kind:other pays:other\n"
		good       = "A,act,id n kind{1,2}:1,id+kind@24h n@0s,out,cash,n/kind,pays!,request,doubt\n"
	)
	quotedRow := func(parts, rest string) string { return fmt.Sprintf("A,act,%q,%s\n", parts, rest) }
	good1 := quotedRow("id n kind{1,2}:1", "id+kind@24h n@0s,out,cash,n/kind,pays!,request,doubt")
	if _, err := parse(operations, facts, actHead+good); err == nil {
		t.Error("a row with too many columns is read")
	}
	table, err := parse(operations, facts, actHead+good1)
	if err != nil {
		t.Fatal(err)
	}
	a := table.bySite["cn"][0].Act
	if a.Keys[0].String() != "id + kind=1" || a.Keys[0].Window != 24*time.Hour || !a.PaysUnsaid || a.Amount != a.Keys[1].Parts[0] || a.Subject() != nil {
		t.Errorf("%+v", a)
	}
	for row, problem := range map[string]string{
		"X,act,id,id@1h,out,cash,,,none,\n":                  "no operation X",
		"B,act,id,id@1h,out,cash,,,none,\n":                  "of an operation that spends",
		good1 + good1:                                        "one act",
		"A,Act,id,id@1h,out,cash,,,none,\n":                  "act name",
		"A,,id,id@1h,out,cash,,,none,\n":                     "act name",
		"A,act,id,id@1h,in,cash,,,none,\n":                   `direction "in"`,
		"A,act,id,id@1h,out,gold,,,none,\n":                  `unit "gold"`,
		"A,act,id,id@1h,out,cash,,,answer,\n":                `price "answer"`,
		"A,act,other,other@1h,out,cash,,,none,\n":            "no field of the request",
		"A,act,id=id|other,id@1h,out,cash,,,none,\n":         "no field of the request",
		"A,act,id id,id@1h,out,cash,,,none,\n":               "twice",
		"A,act,=id,id@1h,out,cash,,,none,\n":                 "no name",
		"A,act,id,,out,cash,,,none,\n":                       "no keys",
		"A,act,id,id,out,cash,,,none,\n":                     "want PART+PART@WINDOW",
		"A,act,id,id@1,out,cash,,,none,\n":                   "want PART+PART@WINDOW",
		"A,act,id,id+other@1h,out,cash,,,none,\n":            "want PART+PART@WINDOW",
		"A,act,id,id@1h,out,cash,id,,request,\n":             "no part that is an amount",
		"A,act,id n,id@1h,out,cash,n/other,,request,\n":      "no field of the request",
		"A,act,id n,id@1h,out,cash,n,,none,\n":               "the price is in the request",
		"A,act,id n,id@1h,out,cash,,,request,\n":             "the price is in the request",
		"A,act,id,id@1h,out,cash,,other,none,\n":             "no field of the request",
		quotedRow("kind{1,2}:3", "kind@1h,out,cash,,,none,"): "none of the values",
		"A,act,id,id@1h,out,cash,,,none\n":                   "wrong number of fields",
	} {
		if _, err := parse(operations, facts, actHead+row); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%s: error %v, want %q", row, err, problem)
		}
	}
	if _, err := parse(operations, facts, "operation\n"); err == nil {
		t.Error("another header is read")
	}
}

// TestActsOfOneName: operations that are one act have the same keys, since one holds back the other; what they move is the same.
func TestActsOfOneName(t *testing.T) {
	first := map[string]*Act{}
	shapes := func(a *Act) (all []string) {
		for _, k := range a.Keys {
			var names []string
			for _, p := range k.Parts {
				names = append(names, p.Name)
			}
			all = append(all, strings.Join(names, "+")+"@"+k.Window.String())
		}
		return all
	}
	names, operations := map[string]bool{}, 0
	for _, site := range Sites() {
		for _, o := range Operations(site) {
			if o.Act == nil {
				continue
			}
			operations++
			names[o.Act.Name] = true
			a := first[o.Act.Name]
			if a == nil {
				first[o.Act.Name] = o.Act
				continue
			}
			common := min(len(a.Keys), len(o.Act.Keys)) // one that is in doubt has another besides
			if !slices.Equal(shapes(a)[:common], shapes(o.Act)[:common]) || a.Direction != o.Act.Direction || a.Unit != o.Act.Unit || a.Price != o.Act.Price {
				t.Errorf("%s of %s: %q, elsewhere %q", o.Act.Name, o.Name, shapes(o.Act), shapes(a))
			}
		}
	}
	if len(names) != 19 || operations != 38 {
		t.Errorf("%d acts of %d operations", len(names), operations)
	}
}

// actRow is an operation's row in docs/acts.md.
func actRow(o *Operation, sites string) string {
	var keys []string
	for _, k := range o.Act.Keys {
		keys = append(keys, fmt.Sprintf("`%s` (%s)", strings.ReplaceAll(k.String(), "|", "` or `"), setting.Duration(k.Window)))
	}
	price := map[PriceSource]string{
		PriceNone: "none", PriceRequest: "the request", PriceOrder: "`ShowCustomerOrderDetails`", PriceRenewal: "`ListRenewRateOnPeriod`",
	}[o.Act.Price]
	return fmt.Sprintf("| `%s` | %s | %s | %s %s | %s | %s |", o.Name, sites, strings.Join(keys, "; "), o.Act.Unit, o.Act.Direction, price, o.Act.Doubt)
}

// TestActsPage holds docs/acts.md against the data: a section for each act, with a row for each operation, and no other rows.
func TestActsPage(t *testing.T) {
	text, err := os.ReadFile("../docs/acts.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for section := range strings.SplitSeq(string(text), "\n### ") {
		name, rest, _ := strings.Cut(section, "\n")
		sections[strings.Trim(name, "`")] = rest
	}
	rows := 0
	for _, o := range append(Operations("cn"), Operations("intl")...) {
		sites := o.Site
		other := Find(map[string]string{"cn": "intl", "intl": "cn"}[o.Site], o.Name)
		if o.Act == nil || o.Site == "intl" && other != nil {
			continue
		}
		if other != nil {
			sites = "cn, intl"
		}
		rows++
		if row := actRow(o, sites); !strings.Contains(sections[o.Act.Name], row+"\n") {
			t.Errorf("docs/acts.md, section %s, lacks\n%s", o.Act.Name, row)
		}
	}
	if n := strings.Count(string(text), "| cn |") + strings.Count(string(text), "| intl |") + strings.Count(string(text), "| cn, intl |"); n != rows {
		t.Errorf("docs/acts.md has %d rows, want %d", n, rows)
	}
}
