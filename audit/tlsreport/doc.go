// Package tlsreport reports how TLS was used, from an audit log: versions, suites and groups by caller and upstream, offers of
// peers, refusals and their reasons, certificates, and which callers could no longer connect under a narrower policy.
//
// It reads records one by one and retains only counts, all of them bounded. docs/tls-report.md explains the report.
package tlsreport
