package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tollgate/gateway"
	"tollgate/internal/setting"
	"tollgate/internal/text"
	"tollgate/spend"
)

// explainAct is what a call that spends is held as.
type explainAct struct {
	Name   string       `json:"name"`
	Keys   []explainKey `json:"keys,omitempty"`
	Shadow bool         `json:"shadow,omitempty"`
}

type explainKey struct {
	Name   string           `json:"name"`
	Window setting.Duration `json:"window"`
}

type explainCap struct {
	Name string `json:"name"`
	Mode string `json:"mode"`
	Per  string `json:"per"`
	Each string `json:"each"`
	Most string `json:"most"`
}

// addSpending adds the act that the call is, and the caps that count it.
func (e *explanation) addSpending(r *gateway.Ruling) {
	for _, c := range r.Caps {
		mode := spend.Soft
		if c.Hard {
			mode = spend.Hard
		}
		e.Caps = append(e.Caps, explainCap{c.Name, string(mode), string(cmp.Or(c.Per, spend.PerNone)), string(c.Each), mostOf(c)})
	}
	if r.Act == nil {
		return
	}
	e.Act = &explainAct{Name: r.Act.Name, Shadow: r.Shadow}
	for i, name := range r.Act.Names() {
		e.Act.Keys = append(e.Act.Keys, explainKey{name, setting.Duration(r.Act.Keys[i].Window)})
	}
	if r.Price != nil {
		e.Price = r.Price.Amount.String() + " " + r.Price.Currency
	}
}

// mostOf returns what a cap has room for.
func mostOf(c *spend.Cap) string {
	if !c.OfMoney() {
		return text.Count(int(c.Calls), "call")
	}
	var amounts []string
	for _, currency := range slices.Sorted(maps.Keys(c.Amounts)) {
		amounts = append(amounts, c.Amounts[currency].String()+" "+currency)
	}
	return strings.Join(amounts, ", ")
}

func (e *explanation) printSpending(line func(name, format string, args ...any)) {
	if e.Act != nil && len(e.Act.Keys) == 0 {
		line("act", "%s; --body says of what, and which caps count it", e.Act.Name)
	} else if e.Act != nil {
		for _, key := range e.Act.Keys {
			line("act", "%s of %s, held for %s after success%s", e.Act.Name, key.Name, key.Window, shadowText(e.Act.Shadow))
		}
	}
	if e.Price != "" {
		line("price", "%s", e.Price)
	}
	for _, c := range e.Caps {
		line("cap", "%s (%s): %s each %s%s", c.Name, c.Mode, c.Most, c.Each, perText(c.Per))
	}
}

func shadowText(shadow bool) string {
	if shadow {
		return " (shadow: holds nothing back)"
	}
	return ""
}

func perText(per string) string {
	if per == string(spend.PerNone) {
		return ""
	}
	return fmt.Sprint(", per ", per)
}
