package catalog

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tollgate/internal/setting"
)

//go:embed acts.csv
var actsCSV string

// actColumns are the columns of acts.csv, in order.
const actColumns = "operation,act,parts,keys,direction,unit,amount,auto_pay,price,doubt"

// parseActs adds the acts to the operations of all sites.
func (t *table) parseActs(acts string) error {
	reader := csv.NewReader(strings.NewReader(acts))
	reader.Comment = '#'
	header, err := reader.Read()
	if err != nil || strings.Join(header, ",") != actColumns {
		return fmt.Errorf("unexpected header %q: %v", header, err)
	}
	return eachRow(reader, t.applyAct)
}

func (t *table) applyAct(row []string) error {
	found := false
	for _, operations := range t.bySite {
		i := slices.IndexFunc(operations, func(o *Operation) bool { return o.Name == row[0] })
		if i < 0 {
			continue
		}
		found = true
		if err := operations[i].addAct(row); err != nil {
			return fmt.Errorf("%s: %w", row[0], err)
		}
	}
	if !found {
		return fmt.Errorf("no operation %s", row[0])
	}
	return nil
}

// addAct reads a row of acts.csv; the reader has checked that it has as many columns as the header.
func (o *Operation) addAct(row []string) error {
	if o.Effect != Spend || o.Act != nil {
		return errors.New("want one act of an operation that spends")
	}
	a := &Act{
		Name: row[1], Direction: Direction(row[4]), Unit: Unit(row[5]), Price: PriceSource(row[8]), Doubt: row[9],
	}
	var partsErr, payErr error
	a.Parts, partsErr = o.parseParts(row[2])
	a.AutoPay, a.PaysUnsaid, payErr = o.parseAutoPay(row[7])
	if err := errors.Join(a.check(), partsErr, payErr); err != nil {
		return err
	}
	if err := errors.Join(a.parseKeys(row[3]), a.parseAmount(o, row[6])); err != nil {
		return err
	}
	if (a.Amount != nil) != (a.Price == PriceRequest) {
		return errors.New("the price is in the request if an amount is, and only then")
	}
	o.Act = a
	return nil
}

func (a *Act) check() error {
	var problems []error
	if !slices.Contains([]Direction{Out, Back, Set}, a.Direction) {
		problems = append(problems, fmt.Errorf("direction %q", a.Direction))
	}
	if !slices.Contains([]Unit{Cash, Coupon, Budget}, a.Unit) {
		problems = append(problems, fmt.Errorf("unit %q", a.Unit))
	}
	if !slices.Contains([]PriceSource{PriceNone, PriceRequest, PriceOrder, PriceRenewal}, a.Price) {
		problems = append(problems, fmt.Errorf("price %q", a.Price))
	}
	return errors.Join(append(problems, checkActName(a.Name))...)
}

func (o *Operation) parseParts(text string) (parts []Part, err error) {
	for text := range strings.FieldsSeq(text) {
		p, err := o.parsePart(text)
		if err != nil {
			return nil, fmt.Errorf("part %q: %w", text, err)
		}
		if slices.ContainsFunc(parts, func(other Part) bool { return other.Name == p.Name }) {
			return nil, fmt.Errorf("part %q twice", p.Name)
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// parsePart reads NAME=FIELD|FIELD{VALUE,VALUE}:DEFAULT or NAME?, of which all but NAME may be missing.
func (o *Operation) parsePart(text string) (p Part, err error) {
	text, p.Optional = strings.CutSuffix(text, "?")
	text, p.Default, _ = strings.Cut(text, ":")
	text, values, listed := strings.Cut(text, "{")
	if listed {
		p.Values = strings.Split(strings.TrimSuffix(values, "}"), ",")
	}
	var fields string
	p.Name, fields, _ = strings.Cut(text, "=")
	if fields == "" {
		fields = p.Name
	}
	if p.Name == "" {
		return p, errors.New("it has no name")
	}
	p.Fields, p.Kind, err = o.parseFields(fields)
	if err == nil && p.Default != "" && !slices.Contains(p.Values, p.Default) {
		err = errors.New("the default is none of the values")
	}
	return p, err
}

// parseFields reads names of fields of the request, separated by "|", and returns their kind.
func (o *Operation) parseFields(text string) (fields []string, kind FieldKind, err error) {
	for name := range strings.SplitSeq(text, "|") {
		i := slices.IndexFunc(o.Request, func(f Field) bool { return f.Name == name })
		if i < 0 {
			return nil, "", fmt.Errorf("%q is no field of the request", name)
		}
		fields, kind = append(fields, name), o.Request[i].Kind
	}
	return fields, kind, nil
}

func (o *Operation) parseAutoPay(text string) (fields []string, unsaid bool, err error) {
	if text == "" {
		return nil, false, nil
	}
	text, unsaid = strings.CutSuffix(text, "!")
	fields, _, err = o.parseFields(text)
	return fields, unsaid, err
}

// parseKeys reads PART+PART@WINDOW, separated by blanks.
func (a *Act) parseKeys(text string) error {
	for text := range strings.FieldsSeq(text) {
		names, window, _ := strings.Cut(text, "@")
		key := ActKey{}
		for name := range strings.SplitSeq(names, "+") {
			key.Parts = append(key.Parts, a.part(name))
		}
		err := (*setting.Duration)(&key.Window).UnmarshalText([]byte(window))
		if err != nil || slices.Contains(key.Parts, nil) {
			return fmt.Errorf("key %q: want PART+PART@WINDOW, of the act's parts: %v", text, err)
		}
		a.Keys = append(a.Keys, key)
	}
	if len(a.Keys) == 0 {
		return errors.New("no keys")
	}
	return nil
}

// parseAmount reads PART/FIELD|FIELD, of which the unit may be missing.
func (a *Act) parseAmount(o *Operation, text string) (err error) {
	if text == "" {
		return nil
	}
	name, measure, measured := strings.Cut(text, "/")
	if a.Amount = a.part(name); a.Amount == nil || a.Amount.Kind != FieldAmount {
		return fmt.Errorf("amount %q is no part that is an amount", name)
	}
	if measured {
		a.Measure, _, err = o.parseFields(measure)
	}
	return err
}

// part returns the part of that name, or nil.
func (a *Act) part(name string) *Part {
	if i := slices.IndexFunc(a.Parts, func(p Part) bool { return p.Name == name }); i >= 0 {
		return &a.Parts[i]
	}
	return nil
}

// checkActName checks the name of an act, which configurations write.
func checkActName(name string) error {
	if name == "" || len(name) > 64 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return fmt.Errorf("act name %.80q: want at most 64 lower-case letters, digits and \"-\"", name)
	}
	return nil
}
