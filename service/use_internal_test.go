package service

import (
	"maps"
	"net/http"
	"regexp"
	"testing"
)

// TestUse: what is in use shows beside its bound, while a call is under way and after it, as a reload has it.
func TestUse(t *testing.T) {
	g := run(t)
	during := map[string]float64{}
	g.answers(func(w http.ResponseWriter, r *http.Request) {
		during = g.use(t)
		reject(w, r)
	})
	g.want(t, "local", http.StatusServiceUnavailable, "TG.6004")
	want := map[string]float64{
		"tollgate_calls_in_progress": 1, "tollgate_calls_limit": 1024, "tollgate_request_body_bytes": 0, "tollgate_request_body_limit_bytes": 256 << 20,
		"tollgate_request_header_limit_bytes": 64 << 20, "tollgate_connections local": 1, "tollgate_connections second": 0,
		"tollgate_connections_limit local": 1024, "tollgate_connections_limit second": 1024,
		"tollgate_upstream_connections bss": 1, "tollgate_upstream_connections_in_use bss": 1, "tollgate_upstream_connections_limit bss": 100,
	}
	if headers := during["tollgate_request_header_bytes"]; headers < 30 || headers > 4096 {
		t.Errorf("%v bytes of headers", headers)
	}
	delete(during, "tollgate_request_header_bytes")
	if !maps.Equal(during, want) {
		t.Errorf("during a call %v, want %v", during, want)
	}
	if err := g.gateway.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.change(t, "audit: {", "bounds: {calls: 7}\naudit: {")
	if after := g.use(t); after["tollgate_calls_in_progress"] != 0 || after["tollgate_calls_limit"] != 7 || after["tollgate_upstream_connections_in_use bss"] != 0 {
		t.Errorf("after it %v", after)
	}
}

// use returns the gauges of what is in use, by name and value of the label.
func (g *running) use(t *testing.T) map[string]float64 {
	all := map[string]float64{}
	families, err := g.registry.Gather()
	if err != nil {
		t.Error(err)
	}
	for _, family := range families {
		if !inUse.MatchString(family.GetName()) {
			continue
		}
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				name += " " + label.GetValue()
			}
			all[name] = m.GetGauge().GetValue()
		}
	}
	return all
}

var inUse = regexp.MustCompile(`^tollgate_(calls_(in_progress|limit)|request_(header|body)_.*bytes|(upstream_)?connections(_in_use|_limit)?)$`)
