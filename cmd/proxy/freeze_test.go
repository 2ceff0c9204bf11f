package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"tollgate/admin"
	"tollgate/internal/testcli"
)

// TestFreezeInAFleet: the commands say which members have confirmed, and their exit code says if one has not that takes calls.
func TestFreezeInAFleet(t *testing.T) {
	all := []admin.Freeze{{ID: "f-1a2b3c4d", Kind: "all", Reason: "key leaked", Since: now, By: "uid 0"}}
	confirmed := []admin.Confirmation{{Member: "a", Confirmed: true}, {Member: "b", Confirmed: true}}
	stopped := admin.Confirmation{Member: "c", Stopped: true, Why: "it has stopped, and learns it at its start"}
	absent := admin.Confirmation{Member: "c", Why: "not seen for 3s\x1b[2J"}
	var members []admin.Confirmation
	var problems []string
	list := func() (*admin.FreezeList, error) {
		return &admin.FreezeList{Freezes: all, Members: members, Problems: problems}, nil
	}
	path := running(t, admin.API{
		Freeze: func(context.Context, admin.Peer, admin.FreezeRequest) (*admin.Frozen, error) {
			return &admin.Frozen{Freeze: all[0], Members: members, Problems: problems}, nil
		},
		Unfreeze: func(context.Context, admin.Peer, admin.UnfreezeRequest) (*admin.FreezeList, error) { return list() },
		Freezes:  func(context.Context, admin.Peer, admin.FreezesRequest) (*admin.FreezeList, error) { return list() },
	})
	for _, c := range []struct {
		members  []admin.Confirmation
		problems []string
		code     int
		want     string
		not      string
	}{
		{nil, nil, 0, "", "confirmed"},
		{confirmed, nil, 0, "confirmed by a, b\n", "this process alone"},
		{append(confirmed, stopped), nil, 0, "confirmed by a, b\nnot running: c (it has stopped, and learns it at its start)\n", "this process alone"},
		{append(confirmed, absent), []string{"member c has not confirmed: not seen for 3s"}, 1, "confirmed by a, b\n", "this process alone"},
	} {
		members, problems = c.members, c.problems
		for _, command := range [][]string{{"freeze", "--all", "--reason", "key leaked"}, {"unfreeze", "f-1a2b3c4d"}, {"freezes"}} {
			code, out, errs := testcli.Run(t, rootCommand(), append(command, "--socket", path)...)
			if code != c.code || !strings.Contains(out, c.want) || strings.Contains(out, c.not) || !strings.Contains(errs, strings.Join(c.problems, "\n")) {
				t.Errorf("%q with %+v: %d %q %q", command, c.members, code, out, errs)
			}
			code, out, _ = testcli.Run(t, rootCommand(), append(command, "--json", "--socket", path)...)
			var back struct{ Members []admin.Confirmation }
			if err := json.Unmarshal([]byte(out), &back); code != c.code || err != nil || len(back.Members) != len(c.members) {
				t.Errorf("%q --json: %d %v %s", command, code, err, out)
			}
		}
	}
}
