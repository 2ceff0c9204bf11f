// Package proof makes and checks proofs that somebody can check who has no log: that the records of a call were in a log
// ([Call]), and that a log only grew from one checkpoint to another ([Consistency]).
//
// A proof is one file, which holds everything: the records' exact lines, RFC 6962 inclusion or consistency proofs, the
// signed checkpoints, and the public keys that signed them. docs/audit-proof.md has its format. Its spelling is fixed to the
// byte (RFC 8785), so no byte of a proof can be changed without a fault.
//
// What is made here is checked by the same code that checks proofs of others, before it is handed out: a damaged log gives an
// error and no proof.
package proof
