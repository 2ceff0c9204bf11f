package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"tollgate/fleet/redistest"
	"tollgate/internal/bsssim"
	"tollgate/internal/testpki"
)

// redisPassword is of the user that members of a fleet have at a Redis with TLS.
const redisPassword = "password-of-the-fleet-Kq93"

// TestFleetOverTLS has members call Redis servers that speak one thing each. They keep to those that their policy allows, and to the others
// they send nothing but a hello, no password least of all; what they offer is the policy's set, exactly.
func TestFleetOverTLS(t *testing.T) {
	t.Parallel()
	policy := newTLSListener(t, "huawei-high", "", bothVersions, allGroups, func(_ uint16, s whitelisted) bool { return s.level == "HIGH" })
	for _, c := range []struct {
		name   string
		config []string
		taken  bool
	}{
		{"TLS 1.3", []string{"tls-protocols TLSv1.3"}, true},
		{"one suite of TLS 1.2 that is allowed", []string{"tls-protocols TLSv1.2", "tls-ciphers ECDHE-RSA-AES256-GCM-SHA384"}, true},
		{"key exchange by RSA", []string{"tls-protocols TLSv1.2", "tls-ciphers AES256-GCM-SHA384"}, false},
		{"CBC", []string{"tls-protocols TLSv1.2", "tls-ciphers ECDHE-RSA-AES256-SHA384"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ca := testpki.Must(testpki.New())
			redis := redistest.Start(t, redistest.Options{
				CA: ca, Password: "of-the-default", Config: c.config, Users: []string{"tollgate on >" + redisPassword + " ~{tollgate}* +@all -@admin"},
			})
			w := newWorld(t, bsssim.Config{})
			front := w.record(redis.Address(), -1)
			w.write("redis-ca.pem", string(ca.CertPEM()))
			w.write("redis.password", redisPassword+"\n")
			m := w.member("a", []string{"a"}, fmt.Sprintf(`fleet: {redis: {address: %q, username: tollgate, password: {file: redis.password},
  tls: {policy: huawei-high, ca: redis-ca.pem}}, members: [MEMBERS], name: NAME}
`, front.listener.Addr()))
			m.wait()
			m.reaches(c.taken)
			m.stop()
			far := farEnd{name: c.name, front: front, said: redis.Log}
			w.offersExactly(policy, far)
			if !c.taken {
				w.nothingSent(far)
			}
			if strings.Contains(m.log(), redisPassword) {
				t.Error("the password is in the log")
			}
		})
	}
}

// reaches waits until the member reaches Redis and shares everything, or until it has said why it does not. Either way it takes reads.
func (m *member) reaches(want bool) {
	m.t.Helper()
	eventually(m.t, "the member has tried to reach Redis", func() bool {
		state := m.fleet()
		return want && state.whole() || !want && !state.Up && strings.Contains(state.Why, "handshake")
	})
	if got := send(m.t, &http.Transport{DisableKeepAlives: true}, request(m.t, "GET", "http://"+m.address("plain")+balancesPath, "")); got.status != http.StatusOK {
		m.t.Errorf("a read: %d %s", got.status, got.body)
	}
}
