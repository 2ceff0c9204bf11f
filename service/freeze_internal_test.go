package service

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/admin"
	"tollgate/config"
)

// stop freezes, and returns the id.
func (g *running) stop(t testing.TB, kind, name string) string {
	t.Helper()
	frozen, err := g.Freeze(t.Context(), "uid 7", admin.FreezeRequest{Kind: kind, Name: name, Reason: "key leaked"})
	if err != nil || len(frozen.Problems) > 0 {
		t.Fatalf("%+v, %v", frozen, err)
	}
	return frozen.Freeze.ID
}

func (g *running) letGo(t testing.TB, ids ...string) {
	t.Helper()
	if l, err := g.Unfreeze(t.Context(), "uid 7", admin.UnfreezeRequest{IDs: ids}); err != nil || len(l.Problems) > 0 {
		t.Fatalf("%+v, %v", l, err)
	}
}

// warned reports whether readiness has a text among its warnings.
func (g *running) warned(text string) bool {
	return strings.Contains(strings.Join(g.readiness().Warnings, "\n"), text)
}

// TestFreezesStayWithNames: a freeze holds over reloads, and for the name that it was given. One whose name is gone is warned about, and holds
// when the name comes back.
func TestFreezesStayWithNames(t *testing.T) {
	many := []string{"burst: 5", "burst: 50"}
	for _, c := range []struct {
		kind, name string
		renamed    []string // pairs for the configuration
	}{
		{"caller", "app", []string{"caller: app}", "caller: app2}", "  app: {", "  app2: {"}},
		{"credential", "main", []string{"{main: {", "{main2: {", "credential: main}", "credential: main2}"}},
	} {
		t.Run(c.kind, func(t *testing.T) {
			g := run(t)
			id := g.stop(t, c.kind, c.name)
			g.want(t, "local", 403, id)
			g.change(t, many...)
			g.want(t, "local", 403, id)
			if g.warned("names no") {
				t.Errorf("warnings: %q", g.readiness().Warnings)
			}
			if _, err := g.follow(t, g.load(t, "dir: audit", "dir: elsewhere")); err == nil {
				t.Fatal("a change that needs a restart is carried out")
			}
			g.want(t, "local", 403, id)
			g.change(t, append(c.renamed, many...)...)
			g.want(t, "local", 200, "")
			if !g.warned(fmt.Sprintf("the configuration names no %s %s", c.kind, c.name)) || !g.warned(id) {
				t.Errorf("warnings: %q", g.readiness().Warnings)
			}
			g.change(t, many...)
			g.want(t, "local", 403, id)
			g.letGo(t, id)
			g.want(t, "local", 200, "")
		})
	}
}

// TestFreezeOfACallByAnEarlierPlan: a call that began before a reload is out by the name that its caller had then, and is listed by that.
func TestFreezeOfACallByAnEarlierPlan(t *testing.T) {
	g := run(t)
	begun, end := make(chan struct{}), make(chan struct{})
	held := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-end
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("{}"))
	})
	g.answer.Store(&held)
	var caller sync.WaitGroup
	caller.Go(func() { g.want(t, "local", 200, "{}") })
	<-begun
	g.change(t, "caller: app}", "caller: app2}", "  app: {", "  app2: {")
	for name, want := range map[string]int{"app": 1, "app2": 0} {
		frozen, err := g.Freeze(t.Context(), "uid 7", admin.FreezeRequest{Kind: "caller", Name: name, Reason: "why", Force: true})
		if err != nil || len(frozen.Problems) > 0 || len(frozen.Sent) != want {
			t.Errorf("%s: %+v, %v", name, frozen, err)
		}
	}
	close(end)
	caller.Wait()
}

// TestFreezesUnderReloads: while configurations come and go, no call gets through from when a freeze has returned to when it is lifted.
func TestFreezesUnderReloads(t *testing.T) {
	g := run(t)
	empty := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("{}"))
	})
	g.answer.Store(&empty)
	configurations := []*config.Config{g.load(t, "burst: 5", "burst: 1000"), g.load(t, "burst: 5", "burst: 2000")}
	if _, err := g.follow(t, configurations[0]); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var reloading sync.WaitGroup
	reloading.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			if _, err := g.follow(t, configurations[i%2]); err != nil {
				t.Error(err)
			}
		}
	})
	for range 20 {
		g.want(t, "local", 200, "")
		id := g.stop(t, "credential", "main")
		for range 10 {
			g.want(t, "local", 403, id)
			g.want(t, "second", 403, id)
		}
		g.letGo(t, id)
	}
	stop()
	reloading.Wait()
}

// TestFreezesAreBounded: the one too many is refused and nothing of it stays, all can be lifted in one go, and readiness does not choke on them.
func TestFreezesAreBounded(t *testing.T) {
	g := run(t)
	var ids []string
	request := admin.FreezeRequest{Kind: "customer", Reason: strings.Repeat("<\u00e9>", 60), Until: time.Now().Add(time.Hour)}
	for i := range 128 {
		request.Name = fmt.Sprintf("%s-%d", strings.Repeat("c", 60), i)
		frozen, err := g.Freeze(t.Context(), "uid 7", request)
		if err != nil || len(frozen.Problems) > 0 {
			t.Fatalf("freeze %d: %+v, %v", i, frozen, err)
		}
		ids = append(ids, frozen.Freeze.ID)
	}
	if _, err := g.Freeze(t.Context(), "uid 7", request); err == nil || len(g.Freezes().Freezes) != 128 {
		t.Errorf("one too many: %v", err)
	}
	if n := len(g.readiness().Warnings); n != 128 {
		t.Errorf("%d warnings", n)
	}
	g.letGo(t, ids...)
	g.want(t, "local", 200, "")
}
