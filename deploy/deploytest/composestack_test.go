package deploytest

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

// TestComposeRuns starts the services of the Compose project as processes, with the files that its setup makes, as the users of its containers: both
// gateways take the call of the service try, they are one fleet, and Prometheus reads the metrics of both. Grafana is not started.
func TestComposeRuns(t *testing.T) {
	s, services := newStack(t), loadCompose(t).Services
	s.setup(services["setup"])
	simulator := s.simulator(s.file("secrets/simulator/tls.crt"), s.file("secrets/simulator/tls.key"))
	redis := s.redis(strings.NewReplacer("/run/secrets/", s.file("secrets")+"/", "dir /tmp", "dir "+s.dir).Replace(string(readFile(t, "deploy/compose/redis/redis.conf"))))
	config := string(readFile(t, "deploy/compose/gateway/tollgate.yaml"))
	for _, change := range [][2]string{
		{"address: :8443", `address: "127.0.0.1:0"`}, {"address: :9443", `address: "127.0.0.1:0"`}, {"address: 127.0.0.1:9090", `address: "127.0.0.1:0"`},
		{"simulator:8600", "localhost:" + simulator}, {"redis:6379", "localhost:" + redis}, {"addresses: [", "addresses: [127.0.0.0/8, "},
	} {
		config = replaceOnce(t, config, change[0], change[1])
	}
	var members []*member
	for _, name := range []string{"gateway-a", "gateway-b"} {
		members = append(members, s.member(name, "TOLLGATE_MEMBER", config, "/run/secrets/", s.file("secrets")+"/"))
	}
	for _, m := range members {
		m.ready()
		if got := s.try(services["try"], m); !strings.Contains(got, `"order_id"`) {
			t.Errorf("the call of the service try is answered %s", got)
		}
	}
	wantFleet(t, members[0], "gateway-a present true", "gateway-b present true")
	s.prometheus(services["prometheus"], members)
}

// setup runs the script with the capabilities of its service, twice: the second time it changes nothing.
func (s *stack) setup(service types.ServiceConfig) {
	s.t.Helper()
	script, err := filepath.Abs(filepath.Join(root, "deploy/compose/setup.sh"))
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.Mkdir(s.file("secrets"), 0o755); err != nil {
		s.t.Fatal(err)
	}
	capabilities := "-all"
	for _, c := range service.CapAdd {
		capabilities += ",+" + strings.ToLower(c)
	}
	var made [2]string
	for i := range made {
		out, err := exec.Command("setpriv", "--no-new-privs", "--bounding-set", capabilities, "--inh-caps", "-all", "sh", script, s.file("secrets")).CombinedOutput()
		if err != nil || len(out) > 0 {
			s.t.Fatalf("setup: %v\n%s", err, out)
		}
		list, err := exec.Command("find", s.file("secrets"), "-type", "f", "-printf", "%p %U %m %T@\n").Output()
		if err != nil {
			s.t.Fatal(err)
		}
		made[i] = string(list)
	}
	if made[0] != made[1] {
		s.t.Errorf("setup changed what was there:\n%s\n%s", made[0], made[1])
	}
	for line := range strings.Lines(made[0]) {
		if words := strings.Fields(line); words[2] != "600" {
			s.t.Errorf("%s has mode %s", words[0], words[2])
		}
	}
}

// try runs the command of the service try against a gateway.
func (s *stack) try(service types.ServiceConfig, m *member) string {
	s.t.Helper()
	command := strings.NewReplacer("/secrets/", s.file("secrets/caller")+"/", "gateway-a:8443", m.address)
	var args []string
	for _, word := range service.Command {
		args = append(args, command.Replace(word))
	}
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

const metricsListening = `"msg":"metrics listening","address":"127\.0\.0\.1:(\d+)"`

// prometheus starts Prometheus with the configuration and the rules that are mounted, and waits until it has read the metrics of all gateways.
func (s *stack) prometheus(service types.ServiceConfig, members []*member) {
	s.t.Helper()
	config := string(readFile(s.t, "deploy/compose/prometheus/prometheus.yml"))
	for _, change := range [][2]string{
		{"gateway-a:9443", "localhost:" + members[0].says(metricsListening)}, {"gateway-b:9443", "localhost:" + members[1].says(metricsListening)},
		{"/etc/prometheus-rules/", mountedAt(service, "/etc/prometheus-rules") + "/"}, {"scrape_interval: 15s", "scrape_interval: 250ms"},
	} {
		config = replaceOnce(s.t, config, change[0], change[1])
	}
	const scraper = 65534
	s.folder("prometheus", scraper)
	file := s.write("prometheus/prometheus.yml", strings.ReplaceAll(config, "/run/secrets/", s.file("secrets")+"/"), scraper)
	if out, err := exec.Command("promtool", "check", "config", file).CombinedOutput(); err != nil || !strings.Contains(string(out), "rule files found") {
		s.t.Errorf("promtool check config: %v\n%s", err, out)
	}
	address := "127.0.0.1:" + freePort(s.t)
	p := s.start(scraper, []string{"PATH=" + os.Getenv("PATH")}, "prometheus", "--config.file="+file, "--storage.tsdb.path="+s.file("prometheus/data"), "--web.listen-address="+address)
	p.says("Server is ready to receive web requests")
	eventually(s.t, "Prometheus has read all metrics", func() bool { return up(s.t, address) == len(members) })
}

// up returns how many targets a Prometheus reads.
func up(t *testing.T, address string) (n int) {
	t.Helper()
	response, err := http.Get("http://" + address + "/api/v1/targets")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var targets struct {
		Data struct{ ActiveTargets []struct{ Health string } }
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&targets); err != nil {
		t.Fatal(err)
	}
	for _, target := range targets.Data.ActiveTargets {
		if target.Health == "up" {
			n++
		}
	}
	return n
}
