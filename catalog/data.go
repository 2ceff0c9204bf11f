package catalog

import (
	"crypto/sha256"
	_ "embed"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed bss-apis.csv
var operationsCSV string

//go:embed facts.csv
var factsCSV string

// ID returns an id of all that the catalogs of this program say of operations: 16 digits of a hash.
func ID() string { return id() }

var id = sync.OnceValue(func() string {
	sum := sha256.Sum256([]byte(operationsCSV + "\x00" + factsCSV + "\x00" + actsCSV))
	return hex.EncodeToString(sum[:8])
})

// operationColumns are the columns of bss-apis.csv, in order.
const operationColumns = "site,operation,http_method,path,title_en,credential,credential_source,effect,deprecated,replaced_by,success_status,seed"

// parse builds the catalog from its files.
func parse(operations, facts, acts string) (table, error) {
	t := table{bySite: make(map[string][]*Operation)}
	reader := csv.NewReader(strings.NewReader(operations))
	header, err := reader.Read()
	if err != nil || strings.Join(header, ",") != operationColumns {
		return t, fmt.Errorf("bss-apis.csv: unexpected header %q: %v", header, err)
	}
	err = eachRow(reader, func(row []string) error {
		o, err := parseOperation(row)
		if err == nil {
			t.bySite[o.Site] = append(t.bySite[o.Site], o)
		}
		return err
	})
	if err != nil {
		return t, fmt.Errorf("bss-apis.csv: %w", err)
	}
	if err := t.index(); err != nil {
		return t, fmt.Errorf("bss-apis.csv: %w", err)
	}
	reader = csv.NewReader(strings.NewReader(facts))
	reader.Comment = '#'
	if err := eachRow(reader, t.apply); err != nil {
		return t, fmt.Errorf("facts.csv: %w", err)
	}
	if err := t.parseActs(acts); err != nil {
		return t, fmt.Errorf("acts.csv: %w", err)
	}
	return t, nil
}

// eachRow calls f for every row and adds the line number to its error.
func eachRow(reader *csv.Reader, f func(row []string) error) error {
	for {
		row, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f(row); err != nil {
			line, _ := reader.FieldPos(0)
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
}

// index sorts and checks what was read: names once a site, successors that exist.
func (t *table) index() error {
	for site, operations := range t.bySite {
		t.sites = append(t.sites, site)
		slices.SortFunc(operations, func(a, b *Operation) int { return strings.Compare(a.Name, b.Name) })
		for i, o := range operations {
			if i > 0 && operations[i-1].Name == o.Name {
				return fmt.Errorf("site %s has %s twice", site, o.Name)
			}
			for _, successor := range o.ReplacedBy {
				if !slices.ContainsFunc(operations, func(o *Operation) bool { return o.Name == successor && !o.Deprecated }) {
					return fmt.Errorf("site %s: %s is replaced by %s, which is no current operation", site, o.Name, successor)
				}
			}
		}
	}
	slices.Sort(t.sites)
	return nil
}

// parseOperation reads a row of bss-apis.csv; the reader has checked that it has as many columns as the header.
func parseOperation(row []string) (*Operation, error) {
	o := &Operation{
		Site: row[0], Name: row[1], Method: row[2], Path: row[3], Title: row[4],
		ClassInferred: row[6] == "inferred",
		Deprecated:    row[8] == "yes",
		CodeAlways:    strings.HasPrefix(row[3], "/v1.0/"),
		Quota:         DefaultQuota,
	}
	_, pathErr := parseTemplate(o.Path)
	var classErr, effectErr error
	o.Class, classErr = ParseClass(row[5])
	o.Effect, effectErr = ParseEffect(row[7])
	if err := errors.Join(checkName(o.Name), checkMethod(o.Method), pathErr, classErr, effectErr); err != nil {
		return nil, err
	}
	if row[9] != "" {
		o.ReplacedBy = strings.Split(row[9], ";")
	}
	if row[10] == "" {
		return o, nil
	}
	for text := range strings.SplitSeq(row[10], "|") {
		status, err := strconv.Atoi(text)
		if err != nil || status < 200 || status > 299 {
			return nil, fmt.Errorf("success status %q", text)
		}
		o.Success = append(o.Success, status)
	}
	return o, nil
}

// apply adds one row of facts.csv (site or "*", operation, fact, value) to the operations that it is about. A row that
// is about none is an error: it would be a fact lost to a typing error.
func (t *table) apply(row []string) error {
	if len(row) != 4 {
		return fmt.Errorf("%d columns, want site,operation,fact,value", len(row))
	}
	found := false
	for site, operations := range t.bySite {
		if row[0] != "*" && row[0] != site {
			continue
		}
		for _, o := range operations {
			if o.Name != row[1] {
				continue
			}
			found = true
			if err := o.learn(row[2], row[3]); err != nil {
				return fmt.Errorf("%s: %w", o.Name, err)
			}
		}
	}
	if !found {
		return fmt.Errorf("no operation %s on site %s", row[1], row[0])
	}
	return nil
}

// learn sets one fact of an operation.
func (o *Operation) learn(fact, value string) (err error) {
	switch fact {
	case "quota":
		o.Quota, err = strconv.ParseFloat(value, 64)
		if err == nil && !(o.Quota > 0 && o.Quota <= 1000) {
			err = fmt.Errorf("quota %q is out of range", value)
		}
	case "kind":
		o.Kind = Kind(value)
		if o.Kind != KindDistributor && o.Kind != KindEnterpriseMaster {
			err = fmt.Errorf("unknown kind %q", value)
		}
	case "sunset":
		err = o.end(value)
	case "sensitive":
		o.Sensitive = true
	case "resellers-only":
		o.AddressesResellersOnly = true
	case "request":
		o.Request, err = addFields(o.Request, value)
	case "answer":
		o.Answer, err = addFields(o.Answer, value)
	case "query":
		o.Query = strings.Fields(value)
		if slices.ContainsFunc(o.Query, func(name string) bool { return !contain(o.Request, name) }) {
			err = fmt.Errorf("query %q: want members of the request, of rows before", value)
		}
	case "item-list":
		o.ItemList = true
	case "repeats":
		err = o.addRepeats(value)
	default:
		err = fmt.Errorf("unknown fact %q", fact)
	}
	return err
}

// end reads "notice sunset", two days.
func (o *Operation) end(value string) error {
	notice, sunset, _ := strings.Cut(value, " ")
	var noticeErr, sunsetErr error
	o.Announced, noticeErr = time.Parse(time.DateOnly, notice)
	o.Sunset, sunsetErr = time.Parse(time.DateOnly, sunset)
	if noticeErr != nil || sunsetErr != nil || o.Sunset.Before(o.Announced) {
		return fmt.Errorf("sunset %q: want the day of the notice and the last day, as 2024-08-27 2025-02-28", value)
	}
	if !o.Deprecated {
		return errors.New("sunset of an operation that is not deprecated")
	}
	return nil
}

var fieldKinds = []FieldKind{
	FieldOrder, FieldAmount, FieldCurrency, FieldCustomer, FieldPartner, FieldCoupon, FieldResource, FieldTransaction, FieldOther,
}

// addFields reads "name:kind name:kind ...".
func addFields(fields []Field, value string) ([]Field, error) {
	for text := range strings.FieldsSeq(value) {
		name, kind, ok := strings.Cut(text, ":")
		f := Field{Name: name, Kind: FieldKind(kind)}
		if !ok || name == "" || !slices.Contains(fieldKinds, f.Kind) {
			return nil, fmt.Errorf("field %q: want name:kind", text)
		}
		if contain(fields, name) {
			return nil, fmt.Errorf("field %q twice", name)
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// addRepeats reads "answer=request answer=request ...", of fields that stand in rows before.
func (o *Operation) addRepeats(value string) error {
	if o.Effect != Spend {
		return errors.New("repeats: only answers of operations that spend are compared")
	}
	for text := range strings.FieldsSeq(value) {
		answer, request, _ := strings.Cut(text, "=")
		repeat := Repeat{answer, request}
		if !contain(o.Answer, answer) || !contain(o.Request, request) {
			return fmt.Errorf("repeats %q: want answer=request, both fields of rows before", text)
		}
		if slices.Contains(o.Repeats, repeat) {
			return fmt.Errorf("repeats %q twice", text)
		}
		o.Repeats = append(o.Repeats, repeat)
	}
	return nil
}

func contain(fields []Field, name string) bool {
	return slices.ContainsFunc(fields, func(f Field) bool { return f.Name == name })
}
