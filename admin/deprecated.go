package admin

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// deprecated are names that metrics had before, kept for one release with the values that they had.
type deprecated struct{ Sources }

func deprecatedDesc(name, use string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, "Deprecated: use "+use+".", labels, nil)
}

var (
	oldKeyExpiry         = deprecatedDesc("tollgate_virtual_key_expiry_seconds", "tollgate_virtual_key_expiry_timestamp_seconds", "caller", "id")
	oldCertificateExpiry = deprecatedDesc("tollgate_certificate_expiry_seconds", "tollgate_certificate_expiry_timestamp_seconds", "listener", "upstream", "name")
	oldListExpiry        = deprecatedDesc("tollgate_revocation_list_expiry_seconds", "tollgate_revocation_list_next_update_timestamp_seconds", "listener", "file", "issuer")
	oldDiskFull          = deprecatedDesc("tollgate_audit_disk_full_seconds", "tollgate_audit_disk_full_timestamp_seconds")
	oldCheckpointAge     = deprecatedDesc("tollgate_audit_checkpoint_age_seconds", "tollgate_audit_checkpoint_timestamp_seconds")
	oldCommit            = deprecatedDesc("tollgate_audit_commit_seconds", "tollgate_audit_fsync_seconds")
)

// Describe implements [prometheus.Collector].
func (deprecated) Describe(to chan<- *prometheus.Desc) {
	to <- oldDiskFull
	to <- oldCheckpointAge
	to <- oldCommit
}

// Collect implements [prometheus.Collector].
func (d deprecated) Collect(to chan<- prometheus.Metric) {
	to <- gaugeOf(oldDiskFull, d.Forecast.seconds())
	to <- gaugeOf(oldCheckpointAge, age(d.Checkpointed()))
	to <- gaugeOf(oldCommit, d.Log().LastCommit.Seconds())
}

// sendTime sends a time, and by its old name how long it is until then.
func sendTime(to chan<- prometheus.Metric, desc, old *prometheus.Desc, at time.Time, labels ...string) {
	to <- gaugeOf(desc, timestamp(at), labels...)
	to <- gaugeOf(old, time.Until(at).Seconds(), labels...)
}

// seconds returns how long the disk lasts: -1 when nothing is known, infinity for [Never].
func (f *Forecast) seconds() float64 {
	left, known := f.Left()
	switch {
	case !known:
		return -1
	case left == Never:
		return math.Inf(1)
	}
	return left.Seconds()
}

func age(at *time.Time) float64 {
	if at == nil {
		return -1
	}
	return time.Since(*at).Seconds()
}
