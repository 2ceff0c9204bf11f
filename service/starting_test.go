package service

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"tollgate/config"
)

// TestStarting says how far the reading of the log is, and is silent when it is over.
func TestStarting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logged := observer.New(zapcore.InfoLevel)
		s := starting{done: make(chan struct{})}
		says := func(want string) {
			t.Helper()
			r, over := s.readiness()
			if over || r.Ready || len(r.Reasons) != 1 || r.Reasons[0] != want {
				t.Errorf("readiness %+v, %v, want %q", r, over, want)
			}
		}
		says("starting")
		reported := make(chan string, 10)
		stop := s.log(zap.New(core), func(progress string) { reported <- progress })
		s.progress(0, 5<<40)
		says("reading the log, 0 %")
		s.progress(2<<40, 5<<40)
		says("reading the log, 40 %")
		time.Sleep(2*sayReading + time.Second)
		if lines := logged.FilterMessage("reading the audit log").All(); len(lines) != 2 || lines[0].ContextMap()["percent"] != int64(40) {
			t.Errorf("in eleven seconds it logged %v", lines)
		}
		if first := <-reported; first != "reading the log, 40 %" || len(reported) != 1 {
			t.Errorf("it reported %q, and %d more", first, len(reported))
		}
		s.progress(5<<40, 5<<40)
		says("reading the log, 100 %")
		stop()
		says("starting")
		close(s.done)
		if _, over := s.readiness(); !over {
			t.Error("it is starting still")
		}
	})
}

// TestRunThatIsStopped: a gateway that is stopped before it serves ends as any other, with nothing written.
func TestRunThatIsStopped(t *testing.T) {
	dir, keys := t.TempDir(), func(string) (string, bool) { return "key", true }
	c, err := config.Parse(filepath.Join(dir, "tollgate.yaml"), []byte(`
listeners: [{name: plain, address: "127.0.0.1:0", caller: app}]
upstreams: {bss: {url: "http://127.0.0.1:9", catalog: cn}}
credentials: {main: {class: partner, access_key: {env: AK}, secret_key: {env: AK}}}
callers: {app: {grants: [{operations: [ListProvinces], credential: main}]}}
audit: {dir: audit}
admin: {address: "127.0.0.1:0", socket: none}
`), dir, config.Options{Secrets: true, LookupEnv: keys})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	core, logged := observer.New(zapcore.InfoLevel)
	if err := Run(ctx, c, Process{Version: "test", Logger: zap.New(core), LookupEnv: keys}, nil); err != nil || logged.FilterMessage("stopped while starting").Len() != 1 {
		t.Errorf("%v, %v", err, logged.All())
	}
	entries, _ := os.ReadDir(filepath.Join(dir, "audit"))
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".jsonl") || strings.Contains(entry.Name(), "key") {
			t.Errorf("it wrote %s", entry.Name())
		}
	}
}
