package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"tollgate/admin"
	"tollgate/internal/cli"
)

func capsCommand() *cobra.Command {
	var name string
	cmd := showing(&cobra.Command{
		Use: "caps [--config FILE]", Short: "Show what is used of caps, and what they allow",
		Long: "Show what is used of caps in the day, month or call that they count by, and what they allow. Used is what calls have reserved: of calls under\n" +
			"way, of those done, and of those of which it is unknown whether they were done. What failed or was not sent counts no more.",
		Example: "  tollgate caps --config /etc/tollgate/tollgate.yaml\n  tollgate caps --json --config /etc/tollgate/tollgate.yaml | jq '.caps[].counts'",
	}, func(c *admin.Client, ctx context.Context) (*admin.Caps, error) { return c.Caps(ctx, name) }, printCaps)
	cmd.Flags().StringVar(&name, "name", "", "only the cap of this `name`")
	complete(cmd, "name", cli.OfferNames("cap"))
	return cmd
}

func printCaps(w io.Writer, c *admin.Caps, wide bool) error {
	lines := ""
	if c.Rebuilding != "" {
		lines = rebuildingLine(c.Rebuilding) + "\n"
	}
	if len(c.Caps) == 0 {
		lines += "there are no caps: the section caps of the configuration makes some\n"
	}
	for i := range c.Caps {
		lines += capLine(&c.Caps[i])
	}
	if _, err := io.WriteString(w, printableLines(lines)); err != nil {
		return err
	}
	t := rows{columns: []cli.Column{
		part("CAP"), part("COUNTS"), whole("PERIOD"), number("USED"), number("LIMIT"), part("OF"), {Name: "LAST CALL", Whole: true, Wide: true},
	}}
	for i := range c.Caps {
		t.addCounts(&c.Caps[i])
	}
	return t.print(w, wide)
}

// capLine says what a cap allows.
func capLine(c *admin.Cap) string {
	var allows []string
	for _, l := range c.Limits {
		allows = append(allows, l.Limit+" "+cmp.Or(l.Currency, "calls"))
	}
	line := fmt.Sprintf("%s (%s): %s each %s", c.Name, c.Mode, strings.Join(allows, ", "), c.Each)
	if c.Zone != "" {
		line += " in " + c.Zone
	}
	if c.Per != "none" {
		line += ", per " + c.Per
	}
	if !c.Since.IsZero() {
		line += "; counts since " + stamp(c.Since)
	}
	return line + "\n"
}

func (r *rows) addCounts(c *admin.Cap) {
	for _, count := range c.Counts {
		r.add(c.Name, cmp.Or(count.Counted, "all"), count.Period, count.Used, count.Limit, cmp.Or(count.Currency, "calls"), count.Last)
	}
	if c.More > 0 {
		r.add(c.Name, fmt.Sprintf("and %d more", c.More), "", "", "", "", "")
	}
}
