package main

// row is a part of the dashboard.
type row struct {
	title  string
	width  int // of each panel, of 24
	panels []panel
}

// panel is a graph, or a single number.
type panel struct {
	title, description string
	unit               string // as Grafana calls it
	queries            []query
	stat               bool       // a single number
	red                float64    // from which on the number is red; 0: none
	flag               *[2]string // what 0 and 1 mean
}

// query is an expression, and what its series are called: {{label}} stands for the label's value.
type query struct{ expr, legend string }

// Selectors that most expressions have.
const (
	at       = `{instance=~"$instance"}`
	listened = `{instance=~"$instance", listener=~"$listener"}`
	called   = `{instance=~"$instance", listener=~"$listener", caller=~"$caller"}`
	pace     = `[$__rate_interval]`
)

// quantiles are those of a histogram.
func quantiles(metric, selector string) (all []query) {
	for _, q := range []string{"0.5", "0.95", "0.99"} {
		all = append(all, query{"histogram_quantile(" + q + ", sum by (le) (rate(" + metric + "_bucket" + selector + pace + ")))", q})
	}
	return all
}

// quantileBy is one of a histogram for each value of a label.
func quantileBy(label, metric, selector string) []query {
	return []query{{"histogram_quantile(0.95, sum by (le, " + label + ") (rate(" + metric + "_bucket" + selector + pace + ")))", "{{" + label + "}}"}}
}

var yes = &[2]string{"no", "yes"}

var rows = []row{
	{"Now", 4, []panel{
		{title: "Takes calls", description: "Whether the audit log takes new calls. While it does not, nothing goes out (TG.6001).", unit: "none", stat: true, flag: yes,
			queries: []query{{"min(tollgate_audit_available" + at + ")", ""}}},
		{title: "May spend", description: "Whether it is known what calls hold and have spent. While it is not, calls that write or spend are refused (TG.6013).", unit: "none", stat: true, flag: yes,
			queries: []query{{"min(tollgate_spending_available" + at + ")", ""}}},
		{title: "Calls", description: "Calls that were intended and have ended, of all effects.", unit: "reqps", stat: true,
			queries: []query{{"sum(rate(tollgate_outcomes_total" + at + pace + "))", ""}}},
		{title: "Not succeeded", description: "The part of the calls that ended with another outcome than succeeded.", unit: "percentunit", stat: true, red: 0.05,
			queries: []query{{`sum(rate(tollgate_outcomes_total{instance=~"$instance", outcome!="succeeded"}` + pace + ")) / sum(rate(tollgate_outcomes_total" + at + pace + "))", ""}}},
		{title: "Unknown in a day", description: "Calls that write or spend whose outcome became unknown in the last 24 hours. Each has to be looked up: see the runbook.", unit: "none", stat: true, red: 1,
			queries: []query{{`sum(increase(tollgate_outcomes_total{instance=~"$instance", effect=~"write|spend", outcome="unknown"}[24h]))`, ""}}},
		{title: "Unknown and not settled", description: "Unknown calls that still hold their acts and their part of caps.", unit: "none", stat: true, red: 1,
			queries: []query{{"sum(tollgate_acts_unknown_calls" + at + ")", ""}}},
	}},
	{"Calls", 12, []panel{
		{title: "By outcome", description: "Calls that were intended, by how they ended.", unit: "reqps",
			queries: []query{{"sum by (outcome) (rate(tollgate_calls_total" + called + pace + "))", "{{outcome}}"}}},
		{title: "By caller", description: "The ten callers with the most calls. (other) are the callers beyond metrics.callers, (gateway) is the gateway itself.", unit: "reqps",
			queries: []query{{"topk(10, sum by (caller) (rate(tollgate_calls_total" + called + pace + ")))", "{{caller}}"}}},
		{title: "By operation", description: "The ten operations that are called most.", unit: "reqps",
			queries: []query{{"topk(10, sum by (operation) (rate(tollgate_calls_total" + called + pace + ")))", "{{operation}}"}}},
		{title: "By status of the upstream", description: "What upstreams answered: the class of the status, none without an answer.", unit: "reqps",
			queries: []query{{"sum by (upstream, status) (rate(tollgate_calls_total" + called + pace + "))", "{{upstream}} {{status}}"}}},
	}},
	{"Refusals", 12, []panel{
		{title: "By reason", description: "Calls that were refused before anything was sent, by the reasons of docs/errors.md.", unit: "reqps",
			queries: []query{{"sum by (reason) (rate(tollgate_refusals_total" + called + pace + "))", "{{reason}}"}}},
		{title: "By caller", description: "The ten callers with the most refusals. Without a name: the caller is not known.", unit: "reqps",
			queries: []query{{"topk(10, sum by (caller) (rate(tollgate_refusals_total" + called + pace + ")))", "{{caller}}"}}},
		{title: "Connections that came to no call", description: "Refused connections and failed handshakes, by reason.", unit: "cps",
			queries: []query{{"sum by (listener, reason) (rate(tollgate_connections_refused_total" + listened + pace + "))", "{{listener}}: {{reason}}"}}},
		{title: "Malformed requests", description: "Messages over HTTP/1.1 that could not be read as requests, by what was wrong with them.", unit: "reqps",
			queries: []query{{"sum by (listener, fault) (rate(tollgate_malformed_requests_total" + listened + pace + "))", "{{listener}}: {{fault}}"}}},
		{title: "Cut off", description: "Calls that were refused or cut off because a share was used up or a pace not kept.", unit: "reqps",
			queries: []query{{"sum by (setting, cause) (rate(tollgate_cut_off_total" + at + pace + ")) > 0", "{{setting}}: {{cause}}"}}},
	}},
	{"Money", 12, []panel{
		{title: "Use of caps", description: "What is used of each cap in its day or month, by those who have used the most of it. A hard cap refuses calls at 100 %.", unit: "percentunit", red: 0.8,
			queries: []query{{"max by (cap, currency) (tollgate_cap_used" + at + " / tollgate_cap_limit" + at + ")", "{{cap}} {{currency}}"}}},
		{title: "Calls that spend, by outcome", description: "Outcomes of calls that spend in the last hour.", unit: "none",
			queries: []query{{`sum by (outcome) (increase(tollgate_outcomes_total{instance=~"$instance", effect="spend"}[1h]))`, "{{outcome}}"}}},
		{title: "Acts that another call held", description: "Calls whose act was under way, done or unknown: refused (enforce), or only recorded (shadow).", unit: "reqps",
			queries: []query{{"sum by (act, mode) (rate(tollgate_act_held_total" + at + pace + "))", "{{act}} {{mode}}"}}},
		{title: "Caps that were full", description: "Calls for which a cap had no room, or that it cannot count: refused (hard), or only recorded (soft).", unit: "reqps",
			queries: []query{{"sum by (cap, mode) (rate(tollgate_cap_full_total" + at + pace + "))", "{{cap}} {{mode}}"}}},
		{title: "Calls that hold acts", description: "Calls that hold acts or may return what they took of caps, and those of them whose outcome is unknown.", unit: "none",
			queries: []query{{"sum(tollgate_acts_calls" + at + ")", "all"}, {"sum(tollgate_acts_unknown_calls" + at + ")", "unknown"}}},
		{title: "Freezes", description: "Freezes in force, by what they stop.", unit: "none",
			queries: []query{{"max by (kind) (tollgate_freezes" + at + ")", "{{kind}}"}}},
	}},
	{"Latency", 12, []panel{
		{title: "Calls", description: "From the header of the request to the outcome. Refused calls are not in it.", unit: "s", queries: quantiles("tollgate_call_seconds", listened)},
		{title: "Upstreams", description: "From sending to the outcome: the part of a call that is not ours.", unit: "s", queries: quantiles("tollgate_upstream_seconds", at)},
		{title: "Ours, on average", description: "Calls less their upstreams: identifying, limits and the waits for them, the record, and delivering.", unit: "s", queries: []query{{
			"(sum(rate(tollgate_call_seconds_sum" + at + pace + ")) - sum(rate(tollgate_upstream_seconds_sum" + at + pace + "))) / sum(rate(tollgate_call_seconds_count" + at + pace + "))", "ours"}}},
		{title: "Phases of upstreams, 95 %", description: "connection: until a call had one; first_byte: from then to the header of the answer; body: to its end. connect and tls: of connections that were opened.", unit: "s",
			queries: quantileBy("phase", "tollgate_upstream_phase_seconds", at)},
		{title: "Upstreams by name, 95 %", description: "From sending to the outcome, by upstream.", unit: "s", queries: quantileBy("upstream", "tollgate_upstream_seconds", at)},
		{title: "Waits for limits", description: "How long calls waited for rate limits, of those that waited and then went.", unit: "s", queries: quantiles("tollgate_limit_wait_seconds", at)},
	}},
	{"Credentials and limits", 12, []panel{
		{title: "Credentials that sign nothing", description: "1: the provider rejected the cloud key, for all callers or for one, and calls of it are refused (TG.6004). Trial: at most four calls at a time use it.", unit: "none", queries: []query{
			{"max by (credential) (tollgate_credential_paused" + at + ")", "{{credential}}"},
			{"max by (credential, caller) (tollgate_credential_caller_paused" + at + ")", "{{credential}} for {{caller}}"},
			{"max by (credential) (tollgate_credential_on_trial" + at + ")", "{{credential}} on trial"}}},
		{title: "Clocks of upstreams", description: "How far the clock of the machine is ahead of the upstream's. At 15 minutes the provider accepts no signature.", unit: "s",
			queries: []query{{"tollgate_upstream_clock_skew_seconds" + at, "{{instance}} {{upstream}}"}}},
		{title: "Virtual keys end", description: "Time until virtual keys of callers end, the ten that end first.", unit: "s",
			queries: []query{{"bottomk(10, min by (caller, id) (tollgate_virtual_key_expiry_timestamp_seconds" + at + ") - time())", "{{caller}} {{id}}"}}},
		{title: "Certificates expire", description: "Time until certificates expire that handshakes depend on, the ten that expire first.", unit: "s", queries: []query{
			{"bottomk(10, min by (listener, upstream, name) (tollgate_certificate_expiry_timestamp_seconds" + at + ") - time())", "{{listener}}{{upstream}} {{name}}"}}},
		{title: "Revocation lists are due", description: "Time until the next revocation list is due. Past that its authority's clients are refused, unless client_crl_missing is allow.", unit: "s", queries: []query{
			{"min by (listener, issuer) (tollgate_revocation_list_next_update_timestamp_seconds" + at + ") - time()", "{{listener}} {{issuer}}"}}},
		{title: "Calls that wait for a limit", description: "Calls that wait for a rate limit now.", unit: "none",
			queries: []query{{"sum by (instance) (tollgate_limit_waiting_calls" + at + ")", "{{instance}}"}}},
		{title: "Slowed quotas", description: "Part of a published quota that goes since the provider refused a call because there were too many; 0: nothing goes.", unit: "percentunit",
			queries: []query{{"min by (credential, operation) (tollgate_limit_slowed" + at + ")", "{{credential}} {{operation}}"}}},
		{title: "Limits in shadow mode", description: "Calls that went, and that a limit with mode shadow would have refused.", unit: "reqps",
			queries: []query{{"sum by (limit) (rate(tollgate_limit_would_refuse_total" + at + pace + "))", "{{limit}}"}}},
		{title: "Replay memory", description: "The part of bounds.replay that is used. At 100 % signed calls that write or spend are refused (TG.6005).", unit: "percentunit", red: 0.8,
			queries: []query{{"tollgate_replay_signatures" + at + " / tollgate_replay_limit" + at, "{{instance}}"}}},
		{title: "Sources of failed identification", description: "Sources that are remembered, and how many are evicted too early for lack of room.", unit: "none", queries: []query{
			{"sum(tollgate_failed_sources" + at + ")", "remembered"}, {"sum(rate(tollgate_failed_sources_evicted_total" + at + pace + "))", "evicted each second"}}},
	}},
	{"Audit log", 12, []panel{
		{title: "Fsyncs", description: "Time of writes of records with their fsync. Each call waits for one before it is sent.", unit: "s", queries: quantiles("tollgate_audit_fsync_seconds", at)},
		{title: "Records and fsyncs", description: "Records that become durable, and fsyncs: several records share one under load.", unit: "wps", queries: []query{
			{"sum(deriv(tollgate_audit_durable_seq" + at + pace + "))", "records"}, {"sum(rate(tollgate_audit_fsync_seconds_count" + at + pace + "))", "fsyncs"}}},
		{title: "Free space", description: "Free bytes of the log's file system.", unit: "bytes", queries: []query{{"min by (instance) (tollgate_audit_free_bytes" + at + ")", "{{instance}}"}}},
		{title: "Disk is full in", description: "Time until the disk is full, at the pace of the last hour or of the last day. Nothing: there is no estimate yet, or nothing is used.", unit: "s",
			queries: []query{{"tollgate_audit_disk_full_timestamp_seconds" + at + " - time()", "{{instance}}"}}},
		{title: "Records without a checkpoint", description: "Records that no checkpoint covers. 1 is usual: the newest checkpoint.", unit: "none",
			queries: []query{{"tollgate_audit_durable_seq" + at + " - tollgate_audit_signed_seq" + at, "{{instance}}"}}},
		{title: "Age of the newest checkpoint", description: "It grows while nothing is recorded.", unit: "s",
			queries: []query{{"time() - tollgate_audit_checkpoint_timestamp_seconds" + at, "{{instance}}"}}},
		{title: "Copies of checkpoints", description: "1: the newest checkpoint is not at that place.", unit: "none",
			queries: []query{{"max by (instance, place) (tollgate_audit_checkpoint_copy_failing" + at + ")", "{{instance}} {{place}}"}}},
		{title: "What the log lacks", description: "Outcomes that found no room (lost: 0, unless the disk failed for long); refusals that found none (dropped); records of unknown peers that were only counted (withheld).", unit: "none", queries: []query{
			{"sum(increase(tollgate_audit_lost_outcomes_total" + at + "[1h]))", "lost"}, {"sum(increase(tollgate_audit_dropped_total" + at + "[1h]))", "dropped"},
			{"sum(increase(tollgate_audit_withheld_total" + at + "[1h]))", "withheld"}}},
		{title: "Not durable yet", description: "Bytes of records that are not on disk yet; at most a few MiB.", unit: "bytes",
			queries: []query{{"tollgate_audit_pending_bytes" + at, "{{instance}}"}}},
		{title: "Lag of the index", description: "Records that the index does not have yet. No call waits for it.", unit: "none",
			queries: []query{{"tollgate_audit_index_lag_records" + at, "{{instance}}"}}},
	}},
	{"Connections and resources", 12, []panel{
		{title: "Calls in progress", description: "The part of bounds.calls that is in use.", unit: "percentunit", red: 0.8,
			queries: []query{{"tollgate_calls_in_progress" + at + " / tollgate_calls_limit" + at, "{{instance}}"}}},
		{title: "Connections to listeners", description: "The part of max_connections that is in use, idle connections included: these are closed to make room.", unit: "percentunit",
			queries: []query{{"max by (listener) (tollgate_connections" + listened + " / tollgate_connections_limit" + listened + ")", "{{listener}}"}}},
		{title: "Connections to upstreams", description: "The part of max_connections that calls have. At 100 % calls wait for a connection.", unit: "percentunit", red: 0.8,
			queries: []query{{"max by (upstream) (tollgate_upstream_connections_in_use" + at + " / tollgate_upstream_connections_limit" + at + ")", "{{upstream}}"}}},
		{title: "Open connections to upstreams", description: "Connections to upstreams, idle ones included.", unit: "none",
			queries: []query{{"sum by (upstream) (tollgate_upstream_connections" + at + ")", "{{upstream}}"}}},
		{title: "Bytes of requests", description: "The part of bounds.bodies and bounds.all_headers that is in use.", unit: "percentunit", red: 0.8, queries: []query{
			{"max(tollgate_request_body_bytes" + at + " / tollgate_request_body_limit_bytes" + at + ")", "bodies"},
			{"max(tollgate_request_header_bytes" + at + " / tollgate_request_header_limit_bytes" + at + ")", "headers"}}},
		{title: "CPU", description: "Cores that the process uses.", unit: "none", queries: []query{{`rate(process_cpu_seconds_total{instance=~"$instance"}` + pace + ") and on (job, instance) tollgate_build_info" + at, "{{instance}}"}}},
		{title: "Memory", description: "Resident memory of the process, and the heap in use.", unit: "bytes", queries: []query{
			{"process_resident_memory_bytes" + at + " and on (job, instance) tollgate_build_info" + at, "{{instance}} resident"},
			{"go_memstats_heap_inuse_bytes" + at + " and on (job, instance) tollgate_build_info" + at, "{{instance}} heap"}}},
		{title: "Open files", description: "The part of the files that the process may have open.", unit: "percentunit", red: 0.8,
			queries: []query{{"process_open_fds" + at + " / process_max_fds" + at + " and on (job, instance) tollgate_build_info" + at, "{{instance}}"}}},
		{title: "Goroutines", description: "They follow the calls and the connections.", unit: "none",
			queries: []query{{"go_goroutines" + at + " and on (job, instance) tollgate_build_info" + at, "{{instance}}"}}},
		{title: "Reloads", description: "1: the last reload of the configuration was carried out. 0: the file on disk is not what runs.", unit: "none",
			queries: []query{{"tollgate_config_last_reload_successful" + at, "{{instance}}"}}},
		{title: "Certificates that could not be reloaded", description: "Certificates and revocation lists that changed and could not be read, in the last hour.", unit: "none",
			queries: []query{{`sum by (instance, what) (increase(tollgate_certificate_reloads_total{instance=~"$instance", result="failed"}[1h])) > 0`, "{{instance}} {{what}}"}}},
	}},
	{"Fleet", 12, []panel{
		{title: "Redis", description: "1: the member reaches Redis. Gateways without a fleet are not in this row.", unit: "none",
			queries: []query{{"tollgate_fleet_up" + at, "{{instance}}"}}},
		{title: "Not shared", description: "1: limits, signatures or freezes are not shared by this member. Calls are refused, or limited by shares.", unit: "none",
			queries: []query{{"max by (instance, what) (tollgate_fleet_closed" + at + ")", "{{instance}} {{what}}"}}},
		{title: "Members", description: "Configured members, by what the members know of them: the highest count that any has.", unit: "none",
			queries: []query{{"max by (state) (tollgate_fleet_members" + at + ")", "{{state}}"}}},
		{title: "Round trips to Redis", description: "Time of round trips, each of which many questions share.", unit: "s", queries: quantiles("tollgate_fleet_round_trip_seconds", at)},
		{title: "Where limits were decided", description: "Calls by where their limits were counted: over Redis (fleet), by this member's share, or nowhere, which refuses them.", unit: "reqps",
			queries: []query{{"sum by (from) (rate(tollgate_fleet_limit_decisions_total" + at + pace + "))", "{{from}}"}}},
		{title: "Epoch", description: "The number of the life of the data in Redis: it grows when Redis has lost data.", unit: "none",
			queries: []query{{"tollgate_fleet_epoch" + at, "{{instance}}"}}},
		{title: "Versions", description: "How many gateways run each version, of all instances that were chosen.", unit: "none",
			queries: []query{{"count by (version, revision) (tollgate_build_info" + at + ")", "{{version}} {{revision}}"}}},
		{title: "Configurations", description: "How many gateways run each plan, by its hash. Members of a fleet should agree.", unit: "none",
			queries: []query{{"count by (hash) (tollgate_config_info" + at + ")", "{{hash}}"}}},
	}},
}
