// Package chaos runs a fleet of gateways under load while everything around them fails and changes, and holds what they did
// against what they promise. It has one test, [TestChaos], whose file lists the promises and the events.
//
// TOLLGATE_CHAOS_LENGTH is how long events go on (60s; `make soak LENGTH=2h`), TOLLGATE_SEED has the events of an earlier run again, which
// prints its seed. TOLLGATE_BINARY names a binary to test instead of building one.
package chaos
