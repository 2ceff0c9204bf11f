package admin

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tollgate/audit"
	"tollgate/caller"
	"tollgate/internal/setting"
)

// TestDeprecatedValues: names that metrics had before have the values that they had.
func TestDeprecatedValues(t *testing.T) {
	for name, c := range map[string]struct {
		forecast *Forecast
		signed   *time.Time
		full, at float64
	}{
		"nothing is known": {&Forecast{}, nil, -1, -1},
		"nothing is used":  {watch(60, func(int) (int64, uint64) { return 1, 0 }), new(time.Now().Add(-time.Minute)), math.Inf(1), 60},
		"ten minutes":      {watch(10, func(m int) (int64, uint64) { return 10, uint64(m) }), new(time.Now()), 600, 0},
	} {
		got := valuesOf(t, deprecated{Sources{
			Forecast: c.forecast, Checkpointed: func() *time.Time { return c.signed }, Log: func() audit.Status { return audit.Status{LastCommit: time.Second} },
		}})
		if got["tollgate_audit_disk_full_seconds"] != c.full || math.Abs(got["tollgate_audit_checkpoint_age_seconds"]-c.at) > 10 || got["tollgate_audit_commit_seconds"] != 1 {
			t.Errorf("%s: %v", name, got)
		}
	}
	got := valuesOf(t, keyMetrics{func() []caller.Key {
		return []caller.Key{{Caller: "shop", ID: "TGSHOP", NotAfter: setting.NotAfter(time.Now().Add(time.Hour).UnixNano())}}
	}, strings.Clone})
	if left := got["tollgate_virtual_key_expiry_seconds"]; left < 3500 || left > 3600 {
		t.Errorf("a key that ends in an hour: %v", got)
	}
	got = valuesOf(t, NewCertificates(prometheus.NewRegistry(), CertificateSources{
		Certificates:    func() []Certificate { return []Certificate{{Name: "a", NotAfter: time.Now().Add(-time.Hour)}} },
		RevocationLists: func() []RevocationList { return []RevocationList{{File: "a", NextUpdate: time.Now().Add(time.Hour)}} },
	}))
	if over, left := got["tollgate_certificate_expiry_seconds"], got["tollgate_revocation_list_expiry_seconds"]; over < -3700 || over > -3600 || left < 3500 || left > 3600 {
		t.Errorf("a certificate that expired an hour ago, and a list that is due in one: %v", got)
	}
}

// TestAbsent: what is not known has no series.
func TestAbsent(t *testing.T) {
	s := Sources{
		Forecast: &Forecast{}, Checkpointed: func() *time.Time { return nil }, Indexed: func() uint64 { return 0 },
		Log: func() audit.Status { return audit.Status{Free: -1, LastSeq: 7} },
	}
	values := func() (all map[string]float64) {
		return valuesOf(t, optional{checkpointDesc, s.checkpointed}, optional{diskFullDesc, s.diskFull}, optional{freeDesc, s.free}, optional{indexLagDesc, s.indexLag})
	}
	if got := values(); len(got) != 0 {
		t.Errorf("nothing is known, but there are %v", got)
	}
	signed := noon
	s = Sources{
		Forecast: watch(10, func(m int) (int64, uint64) { return 10, uint64(m) }), Checkpointed: func() *time.Time { return &signed }, Indexed: func() uint64 { return 5 },
		Log: func() audit.Status { return audit.Status{Free: 0, LastSeq: 7} },
	}
	got := values()
	full := timestamp(noon.Add(20 * time.Minute))
	if len(got) != 4 || got["tollgate_audit_checkpoint_timestamp_seconds"] != timestamp(noon) || got["tollgate_audit_disk_full_timestamp_seconds"] != full || got["tollgate_audit_index_lag_records"] != 2 {
		t.Errorf("got %v", got)
	}
}

// valuesOf returns the gauges of collectors, by name.
func valuesOf(t *testing.T, collectors ...prometheus.Collector) map[string]float64 {
	t.Helper()
	registry, values := prometheus.NewRegistry(), map[string]float64{}
	registry.MustRegister(collectors...)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if strings.HasPrefix(family.GetName(), "tollgate_") {
				values[family.GetName()] = m.GetGauge().GetValue()
			}
		}
	}
	return values
}
