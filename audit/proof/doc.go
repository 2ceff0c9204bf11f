// Package proof makes and checks proofs that can be checked without the log: that the records of a call were in a log
// ([Call]), and that a log only grew from one checkpoint to another ([Consistency]).
//
// A proof is one file with everything in it: the records' exact lines, RFC 6962 inclusion or consistency proofs, the
// signed checkpoints, and the public keys that signed them. docs/audit-proof.md has its format. Every byte of its spelling is
// fixed (RFC 8785), so that no byte can be changed without a fault.
//
// A new proof is checked by the code that checks those of others before it is returned: with a damaged log, the result is an error and no
// proof.
package proof
