// Command bench measures what a call costs: the CPU time of the proxy process alone, for Tollgate and for other proxies
// that do as much of its work as they can, side by side. `make bench` runs it; README.md says what is measured, what is
// fair about it and what is not.
//
// The proxy under test has one core to itself. On the others runs this process, which is both the caller (load.go) and
// the upstream (upstream.go). Rounds are interleaved: every proxy has its turn at a case before the first has its second.
package main
