package admin

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tollgate/caller"
)

// KeysRequest asks for the virtual keys of callers.
type KeysRequest struct {
	// The id of the only one that is asked for.
	ID string `json:"-" query:"id"`
}

// Keys are virtual keys of callers.
type Keys struct {
	// Since when uses of keys are known: the start of the gateway.
	Since time.Time `json:"since"`
	// By caller and id.
	Keys []Key `json:"keys"`
}

// Key is a virtual key of a caller, by which calls are identified now.
type Key struct {
	// The name of the caller.
	Caller string `json:"caller"`
	// The access key's id.
	ID string `json:"id"`
	// Until when it may be used. Left out: it does not end.
	NotAfter *time.Time `json:"not_after,omitempty"`
	// Whether it has ended.
	Expired bool `json:"expired"`
	// When a signature by it was last verified. Left out: not since the gateway was started.
	LastUse *time.Time `json:"last_use,omitempty"`
}

// KeyOf returns what the API says of a key.
func KeyOf(k caller.Key, now time.Time) Key {
	answer := Key{Caller: k.Caller, ID: k.ID, Expired: k.Expired(now)}
	if k.NotAfter != 0 {
		at := k.NotAfter.Time()
		answer.NotAfter = &at
	}
	if !k.LastUse.IsZero() {
		at := k.LastUse.UTC()
		answer.LastUse = &at
	}
	return answer
}

// keyMetrics shows when virtual keys end. Callers and ids come from the configuration. Of the callers that share a label it has the key that
// ends first, without its id.
type keyMetrics struct {
	keys  func() []caller.Key
	label func(caller string) string
}

var keyExpiry = prometheus.NewDesc("tollgate_virtual_key_expiry_timestamp_seconds",
	"When a virtual key of a caller ends, of those that have an end.", []string{"caller", "id"}, nil)

// Describe implements [prometheus.Collector].
func (keyMetrics) Describe(to chan<- *prometheus.Desc) { to <- keyExpiry; to <- oldKeyExpiry }

// Collect implements [prometheus.Collector].
func (m keyMetrics) Collect(to chan<- prometheus.Metric) {
	first := soonest[[2]string]{}
	for _, k := range m.keys() {
		if k.NotAfter == 0 {
			continue
		}
		if label := m.label(k.Caller); label == k.Caller {
			first.add([2]string{k.Caller, k.ID}, k.NotAfter.Time())
		} else {
			first.add([2]string{label, label}, k.NotAfter.Time())
		}
	}
	for labels, at := range first {
		sendTime(to, keyExpiry, oldKeyExpiry, at, labels[:]...)
	}
}
