package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tollgate/accept"
	"tollgate/admin"
	"tollgate/config"
	"tollgate/internal/testcli"
	"tollgate/internal/words"
)

var now = time.Date(2026, 10, 3, 12, 0, 0, 0, time.UTC)

func pointer[T any](v T) *T { return &v }

// fullStatus has all that a status can say.
func fullStatus() *admin.Status {
	return &admin.Status{
		Version: "1.2.3", PID: 4711, Started: now.Add(-50 * time.Hour),
		Readiness: admin.Readiness{Reasons: []string{"audit log: no space"}, Warnings: []string{"a disk\x1b[2J is slow"}, Notes: []string{"a note"}},
		Configuration: admin.ConfigurationStatus{
			File: "/etc/tollgate/gw.yaml", Plan: strings.Repeat("0123456789abcdef", 4), Reloaded: &admin.ReloadStatus{At: now.Add(-time.Hour)},
			Refused: &admin.ReloadStatus{At: now, Error: "gw.yaml:3:4: no\n  3 | x"}, Notes: []string{"no grant uses credential old"},
		},
		Freezes: []admin.Freeze{
			{ID: "f-1a2b3c4d", Kind: "caller", Name: "shop", Reason: "key leaked", Since: now.Add(-time.Hour), Until: now.Add(time.Hour), By: "uid 0"},
			{ID: "f-5e6f7a8b", Kind: "spend", Reason: "month-end", Since: now, By: "uid 0"},
		},
		Spending:  &admin.SpendingStatus{Guard: "enforce", Calls: 12, Unknown: 1, Caps: 1, Saved: pointer(now)},
		Listeners: []admin.ListenerStatus{{Name: "https", Address: "0.0.0.0:8443", TLS: "huawei-high", Connections: 12}, {Name: "admin socket", Address: "/run/a.sock"}},
		Upstreams: []admin.UpstreamStatus{
			{Name: "bss", URL: "https://bss.myhuaweicloud.com", TLS: "huawei-high", Connections: 7, InUse: 3, Most: 64, ClockAhead: pointer(-1.25)}, {Name: "app", URL: "http://127.0.0.1:1", Most: 8},
		},
		Credentials: []admin.CredentialStatus{
			{Name: "acme", Class: "customer", Upstream: "bss", AccessKey: "AKAC…0001", Generation: 2},
			{Name: "main", Class: "partner", Upstream: "bss", AccessKey: "AKMA…0002", Generation: 1, ReadError: "no such file", Trial: &admin.TrialStatus{},
				Pauses: []admin.PauseStatus{{Reason: "APIG.0301", Since: now.Add(-3 * time.Minute)}, {Caller: "app", Reason: "APIG.0301", Since: now.Add(-time.Minute)}}},
		},
		Limits: admin.LimitsStatus{Waiting: 1, InUse: 12, Fullest: []admin.LimitStatus{
			{Name: "published", Operation: "PayOrders", Credential: "acme", Left: -0.5, Allows: "10/s", Burst: 2, PerSecond: 10, Waiting: 1}, {Name: "all", Left: 7.25, Allows: "1/min", Burst: 10, PerSecond: 0.0166667},
		}},
		Log: &admin.LogStatus{
			Dir: "/var/lib/tollgate/audit", Error: "no space", Seq: 120, Durable: 118, Segment: "000000000001.jsonl", Free: pointer(int64(5 << 30)), Lasts: pointer(86400.0 * 3),
			Checkpoint: 100, CheckpointAt: pointer(now.Add(-20 * time.Second)), Copies: []admin.CopyStatus{{Place: "file /mnt"}, {Place: "stdout", Error: "broken pipe"}},
		},
		Certificates: []admin.CertificateStatus{{Listener: "https", Name: "gw.example", NotAfter: now.Add(-time.Hour)}, {Upstream: "bss", Name: "CN=ca", NotAfter: now.AddDate(1, 0, 0)}},
	}
}

func TestStatusScreen(t *testing.T) {
	for name, s := range map[string]*admin.Status{
		"full": fullStatus(), "starting": {Version: "1.2.3", PID: 1, Started: now, Readiness: admin.Readiness{Reasons: []string{"reading the log, 40 %"}}, Configuration: admin.ConfigurationStatus{File: "/gw.yaml"}},
	} {
		for lang, file := range map[words.Language]string{words.English: "status-" + name + ".txt", words.Chinese: "status-" + name + "-zh.txt"} {
			var out bytes.Buffer
			p := statusPrinter{s, words.In(lang), now}
			if err := p.print(&out, false); err != nil {
				t.Fatal(err)
			}
			testcli.Golden(t, filepath.Join("testdata", file), "status", out.String())
			if strings.ContainsRune(out.String(), '\x1b') {
				t.Error("an escape sequence is printed")
			}
		}
	}
}

// running serves an API on a socket, and returns its path.
func running(t *testing.T, api admin.API) string {
	t.Helper()
	return runningAs(t, api, func() admin.Readiness { return admin.Readiness{Ready: true} })
}

// runningAs is running, with what the gateway says of its readiness.
func runningAs(t *testing.T, api admin.API, ready func() admin.Readiness) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("who is at the other end of a socket is known on Linux only")
	}
	dir, err := os.MkdirTemp("", "tg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "admin.sock")
	inner, err := admin.Listen(t.Context(), &config.Admin{Socket: path}, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &admin.Server{Registry: prometheus.NewRegistry(), API: api, UID: uint32(os.Geteuid()), Ready: ready}
	server := accept.NewServer(inner, accept.ServerConfig{Handler: s.Handler(admin.Socket)})
	go func() { _ = server.Serve() }()
	t.Cleanup(func() { _ = server.Close() })
	return path
}

func TestStatusCommand(t *testing.T) {
	path := running(t, admin.API{Status: func(context.Context, admin.Peer, admin.StatusRequest) (*admin.Status, error) {
		return fullStatus(), nil
	}})
	code, out, errs := testcli.Run(t, rootCommand(), "status", "--socket", path)
	if code != 0 || !strings.HasPrefix(out, "tollgate 1.2.3, process 4711, since 2026-10-01T10:00:00Z: NOT READY\n") {
		t.Errorf("%d %s %s", code, out, errs)
	}
	code, out, errs = testcli.Run(t, rootCommand(), "status", "--json", "--socket", path)
	var back admin.Status
	if err := json.Unmarshal([]byte(out), &back); code != 0 || err != nil || back.Credentials[1].Pauses[1].Caller != "app" {
		t.Errorf("%d %v %s %s", code, err, out, errs)
	}
	code, out, errs = testcli.Run(t, rootCommand(), "health", "--socket", path)
	if code != 0 || out != "ready\n" {
		t.Errorf("health: %d %s %s", code, out, errs)
	}
}

func TestReloadCommand(t *testing.T) {
	changed := &admin.Reloaded{
		Changed: true, Changes: []admin.Change{{Where: "callers.new", Text: "is added"}, {Where: "limits.rules.a.per", Text: "counts by caller\x1b"}}, Reset: []string{"a"},
	}
	var answer *admin.Reloaded
	var refusal error
	path := running(t, admin.API{Reload: func(_ context.Context, _ admin.Peer, r admin.ReloadRequest) (*admin.Reloaded, error) {
		if answer != nil {
			answer.DryRun = r.DryRun
		}
		return answer, refusal
	}})
	for _, c := range []struct {
		answer  *admin.Reloaded
		refusal error
		flag    string
		code    int
		want    string
	}{
		{changed, nil, "--dry-run=false", 0, "reloaded\n  callers.new is added\n  limits.rules.a.per counts by caller\uFFFD\n  the count of limit a begins at zero\n"},
		{changed, nil, "--dry-run", 0, "a reload would change\n  callers.new is added\n  limits.rules.a.per counts by caller\uFFFD\n  the count of limit a would begin at zero\n"},
		{new(admin.Reloaded), nil, "--dry-run=false", 0, "the configuration is the same; secrets and certificates were read again\n"},
		{new(admin.Reloaded), nil, "--dry-run", 0, "a reload would change nothing\n"},
		{nil, &admin.Error{Status: 422, Text: "gw.yaml:3:4: no\n    3 | x"}, "--dry-run", 1, "tollgate: a reload would be refused:\ngw.yaml:3:4: no\n    3 | x\n"},
		{nil, &admin.Error{Status: 422, Text: "gw.yaml:3:4: no"}, "--dry-run=false", 1, "tollgate: the reload was refused; the gateway goes on with the configuration that it has:\ngw.yaml:3:4: no\n"},
		{nil, errors.New("disk"), "--dry-run=false", 1, "tollgate: the reload was refused; the gateway goes on with the configuration that it has:\ndisk\n"},
	} {
		answer, refusal = c.answer, c.refusal
		code, out, errs := testcli.Run(t, rootCommand(), "reload", c.flag, "--socket", path)
		if code != c.code || out+errs != c.want {
			t.Errorf("%d %q %q, want %d %q", code, out, errs, c.code, c.want)
		}
	}
	answer, refusal = changed, nil
	if code, out, _ := testcli.Run(t, rootCommand(), "reload", "--json", "--socket", path); code != 0 || !strings.Contains(out, `"where": "callers.new"`) {
		t.Errorf("--json: %d %s", code, out)
	}
}

// TestCommandsOfARunningGateway: what is missing is said, with the exit code of what it is.
func TestCommandsOfARunningGateway(t *testing.T) {
	for _, command := range []string{"status", "reload", "health"} {
		for want, args := range map[int][]string{2: {command}, 1: {command, "--socket", "/nowhere/x.sock"}} {
			code, out, errs := testcli.Run(t, rootCommand(), args...)
			if code != want || out != "" || want == 1 && !strings.Contains(errs, "the gateway is not running: nothing answers at /nowhere/x.sock") {
				t.Errorf("%v: %d %q %q", args, code, out, errs)
			}
		}
	}
}
