package admin

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tollgate/audit"
	"tollgate/audit/mirror"
	"tollgate/caller"
	"tollgate/credential"
	"tollgate/freeze"
	"tollgate/gateway"
	"tollgate/ratelimit"
	"tollgate/replay"
	"tollgate/spend"
)

// Sources are the parts whose state is read at each scrape.
type Sources struct {
	Log          func() audit.Status
	Checkpointed func() *time.Time // when the newest checkpoint was signed; nil before the first
	Copies       func() []mirror.Status
	Forecast     *Forecast
	Indexed      func() uint64 // the last record that the log's index has; 0 for none
	Credentials  func() []*credential.Credential
	Upstreams    func() []*gateway.Upstream // that are signed
	Replay       *replay.Memory
	Limiter      *ratelimit.Limiter
	Waiting      func() int // calls that wait for a limit
	Failed       *ratelimit.Sources
	Keys         func() []caller.Key // of callers
	CallerLabel  func(caller string) string
	Freezes      func() *freeze.Set
	Caps         func() []CapUse
	Spending     func() spend.Census
	SpendingOpen func() bool   // whether it is known what is held and used
	Withheld     func() uint64 // records of unauthenticated peers that were only counted
}

// RegisterState registers gauges over the parts' own state.
func RegisterState(registry *prometheus.Registry, s Sources) {
	gauge := func(name, help string, value func() float64) {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	counter := func(name, help string, value func() float64) {
		registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value))
	}
	gauge("tollgate_audit_available", "1 while the audit log takes new intents.", func() float64 { return flag(s.Log().Err == nil) })
	gauge("tollgate_audit_last_seq", "Number of the last record that was assigned.", func() float64 { return float64(s.Log().LastSeq) })
	gauge("tollgate_audit_durable_seq", "Number of the last record that is durable.", func() float64 { return float64(s.Log().DurableSeq) })
	gauge("tollgate_audit_pending_bytes", "Bytes of records that are not durable yet.", func() float64 { return float64(s.Log().Pending) })
	counter("tollgate_audit_commits_total", "Fsyncs of records.", func() float64 { return float64(s.Log().Commits) })
	counter("tollgate_audit_dropped_total", "Refusals and summaries that found no room.", func() float64 { return float64(s.Log().Dropped) })
	counter("tollgate_audit_lost_outcomes_total", "Outcomes that found no room.", func() float64 { return float64(s.Log().LostOutcomes) })
	counter("tollgate_audit_withheld_total", "Records of refused peers without a known caller that were only counted, for lack of room in bounds.unauthenticated_records.",
		func() float64 { return float64(s.Withheld()) })
	gauge("tollgate_audit_signed_seq", "Number of the last record that a checkpoint covers.", func() float64 { return float64(s.Log().Signed) })
	gauge("tollgate_audit_pruned_records", "Records of which only the hashes are left.", func() float64 { return float64(s.Log().PrunedRecords) })
	gauge("tollgate_audit_indexed_seq", "Number of the last record that the index for queries has; 0 without an index.", func() float64 { return float64(s.Indexed()) })
	registry.MustRegister(optional{freeDesc, s.free}, optional{checkpointDesc, s.checkpointed}, optional{indexLagDesc, s.indexLag}, optional{diskFullDesc, s.diskFull})
	for i, c := range s.Copies() {
		registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "tollgate_audit_checkpoint_copy_failures_total", Help: "Writes of checkpoints to another place that failed.",
			ConstLabels: prometheus.Labels{"place": c.Place},
		}, func() float64 { return float64(s.Copies()[i].Failures) }))
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "tollgate_audit_checkpoint_copy_failing", Help: "1 while the newest checkpoint is not at another place.",
			ConstLabels: prometheus.Labels{"place": c.Place},
		}, func() float64 { return flag(s.Copies()[i].Err != nil) }))
	}
	gauge("tollgate_replay_signatures", "Signatures remembered against replay.", func() float64 { return float64(s.Replay.Len()) })
	gauge("tollgate_replay_limit", "Signatures that can be remembered against replay: bounds.replay.", func() float64 { return float64(s.Replay.Max()) })
	gauge("tollgate_limit_waiting_calls", "Calls that wait for a rate limit.", func() float64 { return float64(s.Waiting()) })
	registry.MustRegister(slowed{s.Limiter})
	gauge("tollgate_failed_sources", "Sources of failed authentication that are remembered.", func() float64 { return float64(s.Failed.Len()) })
	counter("tollgate_failed_sources_evicted_total", "Sources of failed authentication that were evicted for lack of room.",
		func() float64 { return float64(s.Failed.Evicted()) })
	registry.MustRegister(keyMetrics{s.Keys, s.CallerLabel}, capMetrics{s.Caps})
	gauge("tollgate_spending_available", "1 while it is known what is held and used, so that calls that write or spend are taken.", func() float64 { return flag(s.SpendingOpen()) })
	gauge("tollgate_acts_calls", "Calls that hold acts, or may return what they took of caps.", func() float64 { return float64(s.Spending().Calls) })
	gauge("tollgate_acts_unknown_calls", "Calls that hold acts or caps and of which it is unknown whether they were done.", func() float64 { return float64(s.Spending().Unknown) })
	for _, kind := range freeze.Kinds() {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "tollgate_freezes", Help: "Freezes in force (tollgate freeze), by what they stop.", ConstLabels: prometheus.Labels{"kind": string(kind)},
		}, func() float64 { return float64(s.Freezes().Count(kind)) }))
	}
	registry.MustRegister(signing{s.Credentials, s.Upstreams, s.CallerLabel}, deprecated{s})
}

var (
	freeDesc       = prometheus.NewDesc("tollgate_audit_free_bytes", "Free bytes of the audit log's file system when last looked at; absent while that is not known.", nil, nil)
	checkpointDesc = prometheus.NewDesc("tollgate_audit_checkpoint_timestamp_seconds", "When the newest checkpoint was signed; absent before the first.", nil, nil)
	indexLagDesc   = prometheus.NewDesc("tollgate_audit_index_lag_records",
		"Records that the index for queries does not have yet, which queries read from the log; absent without an index, or before it was opened.", nil, nil)
	diskFullDesc = prometheus.NewDesc("tollgate_audit_disk_full_timestamp_seconds",
		"When the disk of the audit log will be full at the present pace; absent while there is no estimate, or nothing is used.", nil, nil)
)

func (s *Sources) free() (bytes float64, known bool) {
	free := s.Log().Free
	return float64(free), free >= 0
}

func (s *Sources) checkpointed() (at float64, known bool) {
	signed := s.Checkpointed()
	if signed == nil {
		return 0, false
	}
	return timestamp(*signed), true
}

func (s *Sources) indexLag() (records float64, known bool) {
	indexed := s.Indexed()
	log := s.Log().LastSeq
	return float64(log - min(log, indexed)), indexed > 0
}

func (s *Sources) diskFull() (at float64, known bool) {
	full, known := s.Forecast.Full()
	return timestamp(full), known
}
