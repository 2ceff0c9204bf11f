package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tollgate/catalog"
	"tollgate/internal/cli"
)

// listedOperation is an operation as `catalog --json` prints it.
type listedOperation struct {
	Site       string   `json:"site"`
	Operation  string   `json:"operation"`
	Method     string   `json:"method"`
	Path       string   `json:"path"`
	Title      string   `json:"title"`
	Class      string   `json:"class"`
	Inferred   bool     `json:"class_inferred"`
	Kind       string   `json:"kind,omitempty"`
	Effect     string   `json:"effect"`
	Quota      float64  `json:"quota_per_second"`
	Deprecated bool     `json:"deprecated"`
	Announced  string   `json:"announced,omitempty"` // day of the notice that it ends
	Sunset     string   `json:"sunset,omitempty"`    // the last day that the notice names
	ReplacedBy []string `json:"replaced_by,omitempty"`
}

func catalogCommand() *cobra.Command {
	var acts bool
	var format cli.FormatFlags
	cmd := &cobra.Command{
		Use: "catalog [FILTER...]", Short: "List the operations of the billing API",
		Long: "List the operations of the billing API. FILTER words must all occur in an operation's line (site, name, method, path,\n" +
			"class, effect, title), without regard to case; site:, effect: and class: compare exactly. Method, path and quota are in\n" +
			"-o wide. With --acts: what the calls that spend are as business acts, of which none is done twice; docs/acts.md explains\n" +
			"each.",
		Example:           "  tollgate catalog pay\n  tollgate catalog site:cn effect:spend\n  tollgate catalog --json class:unknown\n  tollgate catalog --acts site:cn",
		ValidArgsFunction: offerFilters,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := format.Parse(cmd); err != nil {
				return err
			}
			operations := filterCatalog(args)
			if len(operations) == 0 || acts && len(actsOf(operations)) == 0 {
				return fmt.Errorf("no operation matches %s", strings.Join(args, " "))
			}
			if acts {
				return printList(cmd.OutOrStdout(), &format, actsOf(operations), actColumns(), (*listedAct).row)
			}
			return printList(cmd.OutOrStdout(), &format, operations, operationColumns(), (*listedOperation).row)
		},
	}
	format.Register(cmd)
	cmd.Flags().BoolVar(&acts, "acts", false, "print the business acts of the operations that spend")
	return cmd
}

func filterCatalog(words []string) []listedOperation {
	var out []listedOperation
	for _, site := range catalog.Sites() {
		for _, o := range catalog.Operations(site) {
			listed := listedOperation{
				Site: o.Site, Operation: o.Name, Method: o.Method, Path: o.Path, Title: o.Title, Class: o.Class.String(), Inferred: o.ClassInferred,
				Kind: string(o.Kind), Effect: o.Effect.String(), Quota: o.Quota, Deprecated: o.Deprecated, ReplacedBy: o.ReplacedBy,
				Announced: day(o.Announced), Sunset: day(o.Sunset),
			}
			if listed.matches(words) {
				out = append(out, listed)
			}
		}
	}
	return out
}

func (o *listedOperation) matches(words []string) bool {
	line := strings.ToLower(strings.Join([]string{o.Site, o.Operation, o.Method, o.Path, o.Class, o.Kind, o.Effect, o.Title, o.state()}, " "))
	for _, word := range words {
		key, value, exact := strings.Cut(strings.ToLower(word), ":")
		fields := map[string]string{"site": o.Site, "effect": o.Effect, "class": o.Class}
		if field, known := fields[key]; exact && known {
			if field != value {
				return false
			}
		} else if !strings.Contains(line, strings.ToLower(word)) {
			return false
		}
	}
	return true
}

func (o *listedOperation) state() string {
	if !o.Deprecated {
		return ""
	}
	state := strings.TrimSpace("deprecated " + strings.Join(o.ReplacedBy, ", "))
	if o.Sunset != "" {
		state += "; to end by " + o.Sunset
	}
	return state
}

// day writes a date, "" for none.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

// printList prints a table, or an object a line.
func printList[T any](w io.Writer, format *cli.FormatFlags, list []T, columns []cli.Column, row func(*T) []string) error {
	t := format.Table(w, columns...)
	for i := range list {
		var err error
		if format.Format == cli.AsJSON {
			err = cli.WriteLine(w, &list[i])
		} else {
			err = t.Row(row(&list[i]))
		}
		if err != nil {
			return err
		}
	}
	return t.Flush()
}

func operationColumns() []cli.Column {
	return []cli.Column{
		whole("SITE"), whole("OPERATION"), whole("EFFECT"), part("CREDENTIAL"), {Name: "QUOTA/S", Number: true, Wide: true}, {Name: "METHOD", Wide: true},
		{Name: "PATH", Wide: true}, part("TITLE"), {Name: "STATE", Sparse: true, Whole: true, Narrow: true}, {Name: "STATE", Wide: true},
	}
}

func (o *listedOperation) row() []string {
	class := o.Class
	if o.Kind != "" {
		class += " (" + o.Kind + ")"
	}
	state, _, _ := strings.Cut(o.state(), " ")
	return []string{o.Site, o.Operation, o.Effect, class, fmt.Sprintf("%g", o.Quota), o.Method, o.Path, o.Title, state, o.state()}
}

// takes says in words which credential an operation takes.
func takes(o *catalog.Operation) string {
	switch o.Class {
	case catalog.ClassNone:
		return "no credential"
	case catalog.ClassUnknown:
		return "a credential of a class that no source states"
	case catalog.ClassEither:
		return "partner or customer credentials"
	}
	text := o.Class.String() + " credentials only"
	if o.Kind != catalog.KindAny {
		text += ", of kind " + string(o.Kind)
	}
	return text
}
