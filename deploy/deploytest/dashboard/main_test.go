package main

import (
	"bytes"
	"os"
	"testing"
)

// TestCurrent: the file is what panels.go says.
func TestCurrent(t *testing.T) {
	want, err := render(rows)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile("../../grafana/tollgate.json"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the dashboard is not current: cd deploy/deploytest && go generate ./dashboard (%v)", err)
	}
}

// TestPanels: each says what it shows and in which unit, all fit on the grid, and none covers another.
func TestPanels(t *testing.T) {
	taken := map[[2]int]string{}
	for _, r := range rows {
		for _, p := range r.panels {
			if p.title == "" || p.description == "" || p.unit == "" || len(p.queries) == 0 {
				t.Errorf("%s, %q: no title, description, unit or query", r.title, p.title)
			}
		}
	}
	for _, p := range panels(rows) {
		at := p["gridPos"].(object)
		for x := range at["w"].(int) {
			for y := range at["h"].(int) {
				place := [2]int{at["x"].(int) + x, at["y"].(int) + y}
				if other := taken[place]; other != "" || place[0] >= columns {
					t.Fatalf("%v is where %s is, or outside of the grid", p["title"], other)
				}
				taken[place] = p["title"].(string)
			}
		}
	}
}
