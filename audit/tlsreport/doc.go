// Package tlsreport says from an audit log how TLS was used: versions, suites and groups by caller and upstream, what peers
// offered, what was refused and why, which certificates were seen, and who could not connect any more if a policy had less.
//
// It reads records one by one and keeps counts only, all of them bounded; see docs/tls-report.md for what the report means.
package tlsreport
