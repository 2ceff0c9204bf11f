package service_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"tollgate/audit/logfile"
	"tollgate/config"
	"tollgate/internal/setting"
	"tollgate/internal/testpki"
	"tollgate/service"
)

// Calls whose callers have left are under way like others: a stop waits for them, then abandons them, and their outcomes are on record.
// An HTTP/2 connection ends with its peer, and not with its calls.
func TestDrainAbandonsCallsOfThoseWhoLeft(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	upstream := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	}))
	defer upstream.Close()
	defer close(release)
	ca, dir := testpki.Must(testpki.New()), t.TempDir()
	c := load(t, ca, dir, upstream.URL, "huawei-high")
	c.Bounds.Drain = setting.Duration(1500 * time.Millisecond)
	s, err := service.Start(t.Context(), c, service.Process{Version: "test", Logger: zap.NewNop(), LookupEnv: keys})
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{
		RootCAs: ca.Pool(), Certificates: []tls.Certificate{testpki.Must(ca.Client("app", "spiffe://test/app"))},
	}}
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		r := testpki.Must(http.NewRequestWithContext(ctx, http.MethodGet, "https://"+s.Address("https")+"/v2/systems/configs/provinces", nil))
		if response, err := transport.RoundTrip(r); err == nil {
			t.Errorf("answered with %s", response.Status)
		}
	}()
	<-arrived
	leave()
	<-left
	transport.CloseIdleConnections()
	if err := s.Drain(); err == nil || !strings.Contains(err.Error(), "1 calls were still under way") || strings.Contains(err.Error(), "without an outcome") {
		t.Errorf("the gateway stopped with %v", err)
	}
	outcomes := 0
	err = logfile.Read(filepath.Join(dir, "audit"), func(r *logfile.Record, _ []byte) error {
		if r.Kind == logfile.KindOutcome {
			outcomes++
		}
		return nil
	})
	if err != nil || outcomes != 1 {
		t.Errorf("%d outcomes are on record, %v", outcomes, err)
	}
}

// The samples leave a gateway the time that it may take to stop.
func TestSamplesWaitForTheStop(t *testing.T) {
	for name, of := range map[string]struct{ settings, pattern string }{
		"tollgate.service":        {"central.yaml", `(?m)^TimeoutStopSec=(\S+)s$`},
		"kubernetes/central.yaml": {"kubernetes/central.yaml", `terminationGracePeriodSeconds: (\d+)`},
		"kubernetes/sidecar.yaml": {"kubernetes/sidecar.yaml", `terminationGracePeriodSeconds: (\d+)`},
	} {
		settings, supervisor := sample(t, of.settings), sample(t, name)
		c := &config.Config{}
		c.Bounds.Drain = setting.Duration(seconds(t, settings, `drain: (\d+)s`))
		c.Audit = c.Audit.Default()
		if strings.Contains(settings, "deadline: ") {
			c.Audit.Deadline = setting.Duration(seconds(t, settings, `deadline: (\d+)s`))
		}
		stop := service.StopTime(c)
		if strings.Contains(supervisor, "preStop: ") {
			stop += seconds(t, supervisor, `preStop: \{sleep: \{seconds: (\d+)\}\}`)
		}
		if killed := seconds(t, supervisor, of.pattern); killed <= stop {
			t.Errorf("%s: the gateway is killed after %v, and may take %v to stop", name, killed, stop)
		}
	}
}

func sample(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../deploy/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func seconds(t *testing.T, text, pattern string) time.Duration {
	t.Helper()
	match := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if match == nil {
		t.Fatalf("no %s", pattern)
	}
	var n int
	if _, err := fmt.Sscan(match[1], &n); err != nil {
		t.Fatal(err)
	}
	return time.Duration(n) * time.Second
}
