package auditcmd

import (
	"path/filepath"
	"strings"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/internal/testlog"
)

// TestEventsAreListed, those of one code, also of one that this version does not know.
func TestEventsAreListed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	l := testlog.New(dir, nil)
	for _, r := range []*logfile.Record{
		{Kind: logfile.KindEvent, Event: logfile.EventCredentialPaused, Subject: "main", Detail: "credential main is paused\x1b[2J"},
		{Kind: logfile.KindEvent, Event: "of_a_later_version", Subject: "x"},
		{Kind: logfile.KindRefusal, Stage: logfile.StageHandshake, Reason: "certificate", TLSFailure: logfile.TLSExpired},
		{Kind: logfile.KindRefusal, Stage: logfile.StageVerify, Reason: "bad_signature"},
		{Kind: logfile.KindRefusals, Counts: []logfile.Count{{Reason: "too many connections", Stage: logfile.StageConnection, Source: "192.0.2.7", Count: 12}}},
	} {
		l.Add(r)
	}
	l.Flush()
	for args, want := range map[string][]string{
		"--kind event":               {"credential_paused main credential main is paused", "of_a_later_version x"},
		"--event credential_paused":  {"credential_paused main"},
		"--event of_a_later_version": {"of_a_later_version x"},
		"--kind refusal":             {"handshake: certificate expired", " bad_signature"},
		"--kind refusals":            {"12× connection: too many connections from 192.0.2.7"},
	} {
		text := must(t, append([]string{"audit", "records", "-o", "wide", "--dir", dir}, strings.Fields(args)...)...)
		for _, line := range want {
			if !strings.Contains(text, line) {
				t.Errorf("%s: no %q in\n%s", args, line, text)
			}
		}
		if lines := strings.Count(text, "\n"); lines != len(want)+1 || strings.Contains(text, "\x1b") {
			t.Errorf("%s: %d lines\n%q", args, lines, text)
		}
	}
}
