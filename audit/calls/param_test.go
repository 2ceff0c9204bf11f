package calls_test

import (
	"errors"
	"reflect"
	"testing"

	"tollgate/audit/calls"
)

// valueOf has a value of each parameter.
func valueOf(p *calls.Param) string {
	switch p.Kind {
	case calls.ParamChoice:
		return p.Choices[0]
	case calls.ParamSwitch:
		return "true"
	case calls.ParamStatus:
		return "403"
	case calls.ParamAmount:
		return "-0.50"
	case calls.ParamCurrency:
		return "cny"
	}
	return "x"
}

// TestParams: each parameter sets one member of a filter, and each member that has to do with a call has one.
func TestParams(t *testing.T) {
	members := map[string]string{"Since": "", "Until": "", "Last": ""}
	for _, p := range calls.Params {
		var f calls.Filter
		if err := p.Set(&f, valueOf(p)); err != nil {
			t.Fatal(err)
		}
		v, set := reflect.ValueOf(f), 0
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				continue
			}
			name := v.Type().Field(i).Name
			if other, twice := members[name]; twice {
				t.Errorf("%s sets %s, as %s does", p.Name, name, other)
			}
			members[name], set = p.Name, set+1
		}
		if set != 1 || calls.ParamNamed(p.Name) != p {
			t.Errorf("%s sets %d members", p.Name, set)
		}
	}
	if n := reflect.TypeFor[calls.Filter]().NumField(); len(members) != n {
		t.Errorf("%d of %d members have a parameter: %v", len(members), n, members)
	}
	if calls.ParamNamed("Caller") != nil || calls.ParamNamed("") != nil {
		t.Error("there is a parameter that has another name")
	}
}

func TestParamErrors(t *testing.T) {
	for name, values := range map[string][]string{
		"status": {"99", "1000", "x", "-403", "403 "}, "effect": {"spent", "Read"}, "min-amount": {"1,000", "x", " 1"}, "currency": {"yuan", "C¥Y", "CN"},
		"deprecated": {"maybe"}, "outcome": {"done"}, "decision": {"maybe"}, "site": {"mars"}, "class": {"either"},
	} {
		for _, value := range values {
			var f calls.Filter
			err := calls.ParamNamed(name).Set(&f, value)
			problem, ok := errors.AsType[*calls.ParamError](err)
			if !ok || problem.Param.Name != name || problem.Value != value || f != (calls.Filter{}) {
				t.Errorf("%s %q: %v, %+v", name, value, err, f)
			}
		}
	}
}
