package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/bss"
	"tollgate/catalog"
	"tollgate/gateway"
	"tollgate/internal/text"
	"tollgate/spend/acts"
)

// shows returns what a read of the provider's shows of a call, in words, or why nothing is shown.
func (s *Service) shows(ctx context.Context, id string) []string {
	lines, err := s.show(ctx, id)
	if err != nil {
		return append(lines, "nothing: "+brief(err))
	}
	return lines
}

func (s *Service) show(ctx context.Context, id string) ([]string, error) {
	intent, err := s.intentOf(ctx, id)
	if err != nil {
		return nil, err
	}
	op := catalog.Find(intent.Site, intent.Operation)
	if op == nil {
		return nil, fmt.Errorf("the catalog does not know %s, so no read that shows it", intent.Operation)
	}
	query, err := acts.ShowQuery(op, requested(intent))
	if err != nil {
		return nil, err
	}
	found, err := s.gateway.Look(ctx, &gateway.Lookup{
		Call: id, Caller: intent.Caller, Upstream: intent.Upstream, Credential: intent.Credential, Account: intent.Account, Query: query,
	})
	if err != nil {
		return nil, fmt.Errorf("%s (call %s): %w", query.Operation.Name, found.Call, err)
	}
	first := fmt.Sprintf("%s (call %s): %s %s", query.Operation.Name, found.Call, found.Result.Result, found.Result.ErrorCode)
	return append([]string{strings.TrimSpace(first)}, bodyLines(found.Body)...), nil
}

// intentOf returns the intent of a call that is on record.
func (s *Service) intentOf(ctx context.Context, id string) (intent *logfile.Record, err error) {
	err = calls.Scan{Dir: s.config.Load().Audit.Dir}.Calls(ctx, &calls.Filter{Call: id}, func(c *calls.Call) error {
		intent = c.Intent
		return nil
	})
	if err == nil && intent == nil {
		err = errors.New("the log does not have the call's intent any more")
	}
	return intent, err
}

// requested returns the fields of a request on record.
func requested(intent *logfile.Record) (fields []bss.Value) {
	for _, f := range intent.Fields {
		fields = append(fields, bss.Value{Name: f.Name, Kind: catalog.FieldKind(f.Kind), Values: f.Values, Omitted: f.Omitted})
	}
	return fields
}

// Bounds of what is shown of an answer.
const mostLines, longestLine = 200, 200

// bodyLines returns what a body says, a line for each member that is no object or list: "order_info.status: 5".
func bodyLines(body []byte) []string {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return []string{"(what came is no JSON, or more than is held of an answer)"}
	}
	lines := appendLines(nil, nil, value)
	if more := len(lines) - mostLines; more > 0 {
		lines = append(lines[:mostLines], fmt.Sprintf("(%d more)", more))
	}
	return lines
}

// appendLines appends the lines of a value, whose path is joined of its parts only where it is shown: a hostile answer may be deep.
func appendLines(lines, path []string, value any) []string {
	switch v := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			lines = appendLines(lines, append(path, ".", name), v[name])
		}
	case []any:
		for i, one := range v {
			lines = appendLines(lines, append(path, "[", strconv.Itoa(i), "]"), one)
		}
	case nil:
	default:
		line := ""
		if len(lines) < mostLines {
			line = fmt.Sprintf("%s: %v", strings.TrimPrefix(strings.Join(path, ""), "."), v)
		}
		lines = append(lines, text.Truncate(text.Printable(line, '?'), longestLine, "…"))
	}
	return lines
}
