// Package e2e tests the built gateway as its users run it: `tollgate run --config FILE` as a process of its own, in front
// of the BSS simulator over HTTPS, called by the provider's unmodified Go SDK, by curl and by plain HTTP clients, with
// openssl, gnutls-cli and sslscan as foreign TLS peers. It has tests only, and is a module of its own so that the SDK stays
// out of the product's dependencies.
//
// Run it with -count=1: Go's test cache does not see that the product has changed.
//
// TOLLGATE_BINARY names a binary to test instead of building one; TOLLGATE_SOAK=1 raises the rounds of random tests, and
// TOLLGATE_SEED replays a run.
package e2e
