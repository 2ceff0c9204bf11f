// Package oracle checks what Tollgate states about the provider's API against code that Tollgate did not write: the
// signer and the metadata of the provider's Go SDK, and an independent JSON Schema validator. It has tests only.
package oracle
