package deploytest

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"

	"tollgate/internal/testpki"
)

// redisUsers is how the manifest says that the file of Redis's users is made.
const redisUsers = `user default off
user gateway on >PASSWORD ~{tollgate}* resetchannels -@all +@read +@write +@connection -@scripting -@dangerous +eval +evalsha +info +time
`

// TestReplicas starts the two replicas of the central manifest and its Redis as processes, with the configurations of its ConfigMaps: both are
// ready and take calls, they count a limit together, and when one is killed the other goes on, with what both have counted.
func TestReplicas(t *testing.T) {
	s, ca := newStack(t), testpki.Must(testpki.New())
	configs := configMaps(t, "deploy/kubernetes/central.yaml")
	s.secrets(ca)
	simulator := s.simulator(s.file("tls/tls.crt"), s.file("tls/tls.key"))
	redis := s.redis(strings.NewReplacer("/run/secrets/redis", s.file("redis"), "dir /tmp", "dir "+s.dir).Replace(configs["redis.conf"]))
	config := configs["tollgate.yaml"]
	for _, change := range [][2]string{
		{"address: :8443", `address: "127.0.0.1:0"`}, {"address: :9443", `address: "127.0.0.1:0"`}, {`address: "127.0.0.1:9090"`, `address: "127.0.0.1:0"`},
		{"hosts: [tollgate.", "hosts: [localhost, tollgate."}, {"tollgate-redis.tollgate.svc:6379", "localhost:" + redis}, {"0123456789abcdef0123456789abcdef", "p-1"},
		{"fedcba9876543210fedcba9876543210", "c-17"}, {"deprecated: forbid}", "deprecated: forbid, tls: {ca: " + s.file("redis-ca/ca.pem") + "}}"},
		{"https://bss.myhuaweicloud.com", "https://localhost:" + simulator}, {"rate: 50/s, burst: 100", "rate: 1/h, burst: 6"},
		{"members: [tollgate-0, tollgate-1]", "patience: 1s\n  members: [tollgate-0, tollgate-1]"}, // a busy machine must not pass for a slow Redis
	} {
		config = replaceOnce(t, config, change[0], change[1])
	}
	var members []*member
	for _, name := range []string{"tollgate-0", "tollgate-1"} {
		members = append(members, s.member(name, "POD_NAME", config, "/run/secrets/tls", s.file("tls"), "/run/secrets/tollgate", s.file("secrets"),
			"/etc/tollgate-clients", s.file("clients"), "/etc/tollgate-redis", s.file("redis-ca")))
	}
	for _, m := range members {
		m.ready()
	}
	wantFleet(t, members[0], "tollgate-0 present true", "tollgate-1 present true")
	reports := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
		RootCAs: ca.Pool(), Certificates: []tls.Certificate{testpki.Must(ca.Client("reports", "spiffe://cluster.local/ns/finance/sa/reports"))},
	}}}
	for i, m := range []*member{members[0], members[1], members[0], members[1], members[0]} {
		m.wantStatus(reports, http.StatusOK, fmt.Sprintf("call %d of 6", i+1))
	}
	members[0].kill()
	members[1].wantStatus(reports, http.StatusOK, "call 6 of 6, after the other replica was killed")
	members[1].wantStatus(reports, http.StatusTooManyRequests, "a call beyond the limit of both")
	wantFleet(t, members[1], "tollgate-0 absent true", "tollgate-1 present true")
}

// configMaps returns what is in the ConfigMaps of a manifest.
func configMaps(t *testing.T, file string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, m := range of[*core.ConfigMap](mustDecode(t, file, readFile(t, file))) {
		for name, text := range m.Data {
			all[name] = text
		}
	}
	return all
}

// secrets makes what the manifest's first lines say that has to be made beforehand.
func (s *stack) secrets(ca *testpki.CA) {
	s.t.Helper()
	for _, folder := range []string{"tls", "secrets", "clients", "redis-ca", "redis"} {
		s.folder(folder, user)
	}
	for folder, owner := range map[string]int{"tls": user, "redis": 0} {
		files := [2]string{folder + "/tls.crt", folder + "/tls.key"}
		if err := testpki.WriteFiles(testpki.Must(ca.Server("localhost", "127.0.0.1")), s.file(files[0]), s.file(files[1])); err != nil {
			s.t.Fatal(err)
		}
		for _, file := range files {
			s.own(file, owner)
		}
	}
	const password = "0123456789abcdef0123456789abcdef"
	if manifest := readFile(s.t, "deploy/kubernetes/central.yaml"); !strings.Contains(string(manifest), "#   "+strings.TrimSpace(strings.ReplaceAll(redisUsers, "\n", "\n#   "))) {
		s.t.Error("the manifest makes users.acl in another way")
	}
	for name, text := range map[string]string{
		"clients/clients.pem": string(ca.CertPEM()), "redis-ca/ca.pem": string(ca.CertPEM()), "redis/users.acl": strings.Replace(redisUsers, "PASSWORD", password, 1),
		"secrets/redis_password": password, "secrets/metrics_token": "token-of-a-scraper-0123456789", "secrets/shop_sk": "virtual-secret-of-the-shop-0123",
		"secrets/partner.json": `{"Version": 1, "AccessKeyId": "SIMPARTNER0001", "SecretAccessKey": "simulated-partner-secret-0001"}`,
		"secrets/acme.json":    `{"Version": 1, "AccessKeyId": "SIMCUSTOMER0017", "SecretAccessKey": "simulated-customer-secret-0017"}`,
	} {
		s.write(name, text, user)
	}
	if err := os.Chown(s.file("redis"), 0, 0); err != nil {
		s.t.Fatal(err)
	}
}

// wantStatus makes a call through a gateway.
func (m *member) wantStatus(client *http.Client, want int, what string) {
	m.t.Helper()
	response, err := client.Get("https://" + m.address + "/v2/accounts/partner-accounts/balances")
	if err != nil {
		m.t.Fatalf("%s: %v", what, err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); response.StatusCode != want || err != nil {
		m.t.Fatalf("%s: %d %s, %v, want %d", what, response.StatusCode, body, err, want)
	}
}

// wantFleet waits until a member sees the others so: name, state, and whether it has joined.
func wantFleet(t *testing.T, m *member, want ...string) {
	t.Helper()
	var got []string
	eventually(t, fmt.Sprintf("the fleet is %v", want), func() bool {
		var fleet struct {
			Members []struct {
				Name, State string
				Joined      bool
			}
		}
		if err := json.Unmarshal([]byte(m.command("fleet", "status", "--json")), &fleet); err != nil {
			t.Fatal(err)
		}
		got = got[:0]
		for _, one := range fleet.Members {
			got = append(got, fmt.Sprintf("%s %s %v", one.Name, one.State, one.Joined))
		}
		slices.Sort(got)
		return slices.Equal(got, want)
	})
}
