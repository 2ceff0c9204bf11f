package main

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tollgate/admin"
	"tollgate/internal/testcli"
)

// fullFleet has all that a fleet's state can say.
func fullFleet() *admin.Fleet {
	return &admin.Fleet{
		Member: "gw-0", Server: "10.0.0.1:6379", Up: true, Since: now.Add(-3 * time.Hour), Latency: pointer(0.00042), QuestionsPerTrip: 3.25,
		Epoch:       admin.EpochStatus{Number: 7, Since: now.Add(-time.Hour), Missing: []string{"gw-2", "gw-3"}},
		Closed:      []admin.ClosedStatus{{What: "signatures", Means: "write and spend calls are refused", Why: "gw-2 has not said\x1b what it knows"}},
		Differences: []string{"gw-1 runs another configuration"},
		Warnings:    []string{"Redis may evict keys"},
		Members: []admin.MemberStatus{
			{Name: "gw-0", State: "present", Joined: true, Version: "1.2.3", Plan: "0123456789abcdef", Lag: pointer(0.1), Latency: pointer(0.00042), Freezes: 12},
			{Name: "gw-1", State: "present", Joined: true, Version: "1.2.4", Plan: "fedcba9876543210", Lag: pointer(0.24), Latency: pointer(0.002), Freezes: 11, Behind: true},
			{Name: "gw-2", State: "absent", Lag: pointer(61.5)}, {Name: "gw-3", State: "never seen"}, {Name: "gw-9", State: "present", Unlisted: true, Joined: true, Lag: pointer(0.1)},
		},
	}
}

func TestFleetScreen(t *testing.T) {
	for name, f := range map[string]*admin.Fleet{
		"full": fullFleet(),
		"away": {Member: "gw-0", Since: now.Add(-time.Minute), Why: "dial tcp 10.0.0.1:6379: connection refused", Closed: []admin.ClosedStatus{{What: "limits", Means: "a half each", Why: "Redis is away"}}},
	} {
		var out bytes.Buffer
		if err := printFleet(&out, f, false, now); err != nil {
			t.Fatal(err)
		}
		testcli.Golden(t, filepath.Join("testdata", "fleet-"+name+".txt"), "fleet status", out.String())
		if strings.ContainsRune(out.String(), '\x1b') {
			t.Error("an escape sequence is printed")
		}
	}
}

func TestFleetCommand(t *testing.T) {
	var refusal error
	path := running(t, admin.API{Fleet: func(context.Context, admin.Peer, admin.FleetRequest) (*admin.Fleet, error) {
		return fullFleet(), refusal
	}})
	code, out, errs := testcli.Run(t, rootCommand(), "fleet", "status", "--socket", path)
	if code != 0 || !strings.HasPrefix(out, "fleet: member gw-0 has reached Redis at 10.0.0.1:6379 for ") {
		t.Errorf("%d %s %s", code, out, errs)
	}
	code, out, errs = testcli.Run(t, rootCommand(), "fleet", "status", "--json", "--socket", path)
	var back admin.Fleet
	if err := json.Unmarshal([]byte(out), &back); code != 0 || err != nil || !back.Members[1].Behind || back.Epoch.Missing[1] != "gw-3" {
		t.Errorf("%d %v %s %s", code, err, out, errs)
	}
	refusal = &admin.Error{Status: 404, Text: "this gateway is in no fleet"}
	if code, out, errs = testcli.Run(t, rootCommand(), "fleet", "status", "--socket", path); code != 1 || !strings.Contains(errs, "in no fleet") || out != "" {
		t.Errorf("without a fleet: %d %q %q", code, out, errs)
	}
}
