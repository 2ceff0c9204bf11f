package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"tollgate/catalog"
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

func printActs(w io.Writer, acts []listedAct) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ACT\tSITE\tOPERATION\tMOVES\tPRICE FROM\tKEYS (HELD AFTER SUCCESS)\tIN DOUBT")
	for _, a := range acts {
		var keys []string
		for _, k := range a.Keys {
			keys = append(keys, k.Parts+" ("+k.Window+")")
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s %s\t%s\t%s\t%s\n", a.Act, a.Site, a.Operation, a.Unit, a.Direction, a.Price, strings.Join(keys, "; "), a.Doubt)
	}
	return t.Flush()
}
