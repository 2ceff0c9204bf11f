// Command dashboard writes deploy/grafana/tollgate.json, a dashboard for Grafana 11 and later. What is on it stands in panels.go:
//
//	cd deploy/deploytest && go generate ./dashboard
//
// That metrics and labels exist is tested in e2e, against gateways that run. Grafana itself is started by no test.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
)

//go:generate go run . ../../grafana/tollgate.json

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: dashboard FILE")
		os.Exit(2)
	}
	text, err := render(rows)
	if err == nil {
		err = os.WriteFile(os.Args[1], text, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}

// render returns the dashboard as JSON.
func render(rows []row) ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(object{
		"uid": "tollgate", "title": "Tollgate", "tags": []string{"tollgate"}, "schemaVersion": 39, "version": 1, "editable": true,
		"timezone": "browser", "refresh": "30s", "time": object{"from": "now-6h", "to": "now"}, "graphTooltip": 1,
		"templating": object{"list": variables()}, "annotations": object{"list": []object{}}, "links": []object{},
		"panels": panels(rows),
	})
	return text.Bytes(), err
}

// object is one of JSON.
type object map[string]any

// source is the data source that the variable of this name has.
var source = object{"type": "prometheus", "uid": "${datasource}"}

// variables are chosen at the top of the dashboard. "All" fits series without the label, too.
func variables() []object {
	choose := func(name, query string) object {
		return object{
			"name": name, "label": name, "type": "query", "datasource": source, "query": object{"query": query, "refId": name}, "definition": query,
			"refresh": 2, "sort": 1, "multi": true, "includeAll": true, "allValue": ".*", "current": object{"text": "All", "value": "$__all"},
		}
	}
	return []object{
		{"name": "datasource", "label": "data source", "type": "datasource", "query": "prometheus", "current": object{}, "refresh": 1},
		choose("instance", "label_values(tollgate_build_info, instance)"),
		choose("listener", `label_values(tollgate_connections_limit{instance=~"$instance"}, listener)`),
		choose("caller", `label_values(tollgate_calls_total{instance=~"$instance"}, caller)`),
	}
}

const (
	columns = 24 // of Grafana's grid
	height  = 8
)

// panels lays the rows out, each with its panels from left to right.
func panels(rows []row) (all []object) {
	id, y := 0, 0
	add := func(p object, x, width, h int) {
		id++
		p["id"], p["gridPos"] = id, object{"x": x, "y": y, "w": width, "h": h}
		all = append(all, p)
	}
	for _, r := range rows {
		add(object{"type": "row", "title": r.title, "collapsed": false, "panels": []object{}}, 0, columns, 1)
		y++
		for x, i := 0, 0; i < len(r.panels); i++ {
			if x+r.width > columns {
				x, y = 0, y+r.height()
			}
			add(r.panels[i].object(), x, r.width, r.height())
			x += r.width
		}
		y += r.height()
	}
	return all
}

// height is lower for single numbers.
func (r *row) height() int {
	if r.panels[0].stat {
		return height / 2
	}
	return height
}

// object returns a panel without its place.
func (p *panel) object() object {
	kind, options := "timeseries", object{"legend": object{"displayMode": "list", "placement": "bottom"}, "tooltip": object{"mode": "multi", "sort": "desc"}}
	custom := object{"fillOpacity": 10, "showPoints": "never"}
	if p.stat {
		kind, custom = "stat", object{}
		options = object{"reduceOptions": object{"calcs": []string{"lastNotNull"}}, "colorMode": "value", "graphMode": "area"}
	}
	defaults := object{"unit": p.unit, "custom": custom, "thresholds": object{"mode": "absolute", "steps": p.steps()}}
	if p.flag != nil {
		defaults["mappings"] = []object{{"type": "value", "options": object{
			"0": object{"text": p.flag[0], "index": 0}, "1": object{"text": p.flag[1], "index": 1},
		}}}
	}
	return object{
		"type": kind, "title": p.title, "description": p.description, "datasource": source, "targets": p.targets(),
		"fieldConfig": object{"defaults": defaults, "overrides": []object{}}, "options": options,
	}
}

// targets are the expressions, with the name of each of their series.
func (p *panel) targets() (all []object) {
	for i, q := range p.queries {
		all = append(all, object{"refId": string(rune('A' + i)), "datasource": source, "expr": q.expr, "legendFormat": q.legend, "range": true})
	}
	return all
}

// steps are the colours of a single number: from red on it is red.
func (p *panel) steps() []object {
	green, red := object{"color": "green", "value": nil}, object{"color": "red", "value": p.red}
	switch {
	case p.flag != nil && p.stat: // 0 is bad
		return []object{{"color": "red", "value": nil}, {"color": "green", "value": 1}}
	case p.red == 0:
		return []object{green}
	}
	return []object{green, red}
}
