// Package fleettest runs clients of a fleet in tests.
package fleettest

import (
	"context"
	"sync"
	"testing"
	"time"

	"tollgate/fleet"
	"tollgate/internal/setting"
)

// patience bounds every wait of this package.
const patience = 30 * time.Second

// Client returns a client that runs nothing yet. Its patience is generous, since tests share their machine with others.
func Client(t testing.TB, address, name string, members []string, describe func(*fleet.Row)) *fleet.Client {
	t.Helper()
	var endpoint setting.Endpoint
	if err := endpoint.UnmarshalText([]byte(address)); err != nil {
		t.Fatal(err)
	}
	return fleet.New(fleet.Options{
		Name: name, Settings: Settings(members...), Addresses: []setting.Endpoint{endpoint}, Describe: describe,
	})
}

// Settings are those of a fleet of these members.
func Settings(members ...string) fleet.Settings {
	return fleet.Settings{Members: members, Patience: fleet.MaxPatience}
}

// Run runs what a member has until stop is called, which waits for it, as does the end of the test.
func Run(t testing.TB, all ...func(ctx context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, run := range all {
		running.Go(func() { run(ctx) })
	}
	stop = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(stop)
	return stop
}

// Until waits for a condition.
func Until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}
