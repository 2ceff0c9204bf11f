package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tollgate/admin"
	"tollgate/caller"
	"tollgate/config"
	"tollgate/internal/cli"
	"tollgate/internal/setting"
)

func keyListCommand() *cobra.Command {
	var file string
	var format cli.FormatFlags
	cmd := &cobra.Command{
		Use: "list [--config FILE]", Short: "List the virtual keys of callers: age, end, last use",
		Long: "List the virtual keys of the configuration, with what the running gateway knows of them. A key's age is that of the file of its\n" +
			"secret. The last use is that since the gateway was started.",
		Example: "  tollgate key list --config /etc/tollgate/tollgate.yaml\n  tollgate key list --json --config /etc/tollgate/tollgate.yaml",
		Args:    cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := format.Parse(cmd); err != nil {
				return err
			}
			c, err := cli.LoadConfig(file, false)
			if err != nil {
				return err
			}
			list := listKeys(cmd.Context(), c, file, time.Now())
			if format.Format == cli.AsJSON {
				return cli.PrintJSON(cmd.OutOrStdout(), list)
			}
			return list.print(format.Table(cmd.OutOrStdout(), keyColumns()...), time.Now())
		},
	}
	cli.ConfigFlag(cmd, &file)
	format.Register(cmd)
	return cmd
}

func keyColumns() []cli.Column {
	return []cli.Column{part("CALLER"), whole("ID"), whole("AGE"), whole("UNTIL"), whole("LAST USE"), part("STATE")}
}

// keyList is what `key list` prints.
type keyList struct {
	Running string      `json:"running"`         // whether a gateway was asked
	Since   *time.Time  `json:"since,omitempty"` // when it was started
	Keys    []listedKey `json:"keys"`
}

type listedKey struct {
	Caller   string     `json:"caller"`
	ID       string     `json:"id"`
	Made     *time.Time `json:"made,omitempty"` // when the file of its secret was written
	NotAfter string     `json:"not_after,omitempty"`
	LastUse  *time.Time `json:"last_use,omitempty"`
	State    string     `json:"state"`
}

// The states of a key.
const (
	keyUnknown = "configured" // no gateway was asked
	keyTaken   = "taken"
	keyExpired = "expired"
	keyWaiting = "not taken yet: reload"
	keyGone    = "taken, and gone from the files: reload"
)

func listKeys(ctx context.Context, c *config.Config, file string, now time.Time) *keyList {
	list := &keyList{Running: "yes", Keys: []listedKey{}}
	running := map[string]admin.Key{}
	if client, err := admin.Find(file); err != nil {
		list.Running = err.Error()
	} else if answer, err := client.Keys(ctx, ""); err != nil {
		list.Running = err.Error()
	} else {
		list.Since = &answer.Since
		for _, k := range answer.Keys {
			running[k.Caller+"/"+k.ID] = k
		}
	}
	for _, known := range c.Callers {
		for _, way := range known.Auth {
			if way.AccessKey != nil {
				list.add(c.Dir, known.Name, way.AccessKey, running, now)
			}
		}
	}
	for _, k := range running {
		list.Keys = append(list.Keys, listedKey{Caller: k.Caller, ID: k.ID, LastUse: k.LastUse, State: keyGone})
	}
	slices.SortFunc(list.Keys, func(a, b listedKey) int { return strings.Compare(a.Caller+"/"+a.ID, b.Caller+"/"+b.ID) })
	return list
}

// add adds a key of the configuration, and takes it from those of the running gateway.
func (l *keyList) add(dir, name string, k *caller.VirtualKey, running map[string]admin.Key, now time.Time) {
	one := listedKey{Caller: name, ID: k.ID, NotAfter: k.NotAfter.String(), State: keyUnknown}
	if info, err := os.Stat(setting.Resolve(dir, k.Secret.File)); err == nil && k.Secret.File != "" {
		made := info.ModTime().UTC()
		one.Made = &made
	}
	if l.Since != nil {
		one.State = keyWaiting
	}
	if taken, ok := running[name+"/"+k.ID]; ok {
		one.State, one.LastUse = keyTaken, taken.LastUse
		delete(running, name+"/"+k.ID)
	}
	if k.NotAfter.Passed(now) {
		one.State = keyExpired
	}
	l.Keys = append(l.Keys, one)
}

func (l *keyList) print(table *cli.Table, now time.Time) error {
	for _, k := range l.Keys {
		if err := table.Row([]string{k.Caller, k.ID, ago(k.Made, now), k.NotAfter, ago(k.LastUse, now), k.State}); err != nil {
			return err
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	note := "no gateway was asked for uses: " + l.Running
	if l.Since != nil {
		note = "uses are known since " + l.Since.UTC().Format(time.RFC3339)
	}
	_, err := fmt.Fprintln(table.W, note)
	return err
}

// ago returns how long ago a time was, in its largest unit.
func ago(at *time.Time, now time.Time) string {
	if at == nil {
		return ""
	}
	age := max(now.Sub(*at), 0)
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if age >= unit.length {
			return fmt.Sprintf("%d%s", age/unit.length, unit.name)
		}
	}
	return fmt.Sprintf("%ds", age/time.Second)
}
