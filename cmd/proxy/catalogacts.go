package main

import (
	"strings"

	"tollgate/catalog"
	"tollgate/internal/cli"
	"tollgate/internal/setting"
)

// listedAct is what `catalog --acts` prints of an operation.
type listedAct struct {
	Act       string         `json:"act"`
	Site      string         `json:"site"`
	Operation string         `json:"operation"`
	Keys      []listedActKey `json:"keys"`
	Unit      string         `json:"unit"`
	Direction string         `json:"direction"`
	Price     string         `json:"price"`
	Doubt     string         `json:"doubt,omitempty"`
}

type listedActKey struct {
	Parts  string `json:"parts"`
	Window string `json:"window"`
}

// actsOf returns the acts of those of some operations that have one.
func actsOf(operations []listedOperation) (acts []listedAct) {
	for _, o := range operations {
		a := catalog.Find(o.Site, o.Operation).Act
		if a == nil {
			continue
		}
		listed := listedAct{
			Act: a.Name, Site: o.Site, Operation: o.Operation,
			Unit: string(a.Unit), Direction: string(a.Direction), Price: string(a.Price), Doubt: a.Doubt,
		}
		for _, k := range a.Keys {
			listed.Keys = append(listed.Keys, listedActKey{k.String(), setting.Duration(k.Window).String()})
		}
		acts = append(acts, listed)
	}
	return acts
}

func actColumns() []cli.Column {
	return []cli.Column{
		whole("ACT"), whole("SITE"), whole("OPERATION"), {Name: "MOVES", Wide: true}, {Name: "PRICE FROM", Wide: true}, part("KEYS (HELD AFTER SUCCESS)"),
		{Name: "IN DOUBT", Sparse: true},
	}
}

func (a *listedAct) row() []string {
	var keys []string
	for _, k := range a.Keys {
		keys = append(keys, k.Parts+" ("+k.Window+")")
	}
	return []string{a.Act, a.Site, a.Operation, a.Unit + " " + a.Direction, a.Price, strings.Join(keys, "; "), a.Doubt}
}
