// Package caller finds out which application is calling.
//
// Three things identify it: the listener, when all who reach it are one fixed caller; a verified client certificate;
// and an AK/SK signature made with keys that the gateway itself issued ("virtual" keys), so that an application can keep
// the provider's unmodified SDK.
//
// # Rules
//
// Listener and certificate settle who calls at once. A signature covers the body, which is not read yet, so it is only a
// [Claim] at first: known access key, known scheme, a date inside the window. The gateway verifies it once the body is
// read, and nothing may be granted to a claim before that.
//
// An Authorization header is looked at wherever it appears. Where listener or certificate say who calls, one of a scheme that is no
// signature, such as Bearer, is no claim ([signing.Schemes.ForApp]): it may be meant for an internal app, and does not count towards
// the provider. Elsewhere it is refused. A claim on a listener with a fixed caller, or beside a client certificate, must still be
// verified, and must be of the same caller: identities that contradict each other are refused, rather than one being preferred, since
// a caller that sends both is misconfigured or trying something.
//
// A certificate whose names are those of two callers is refused. One that names no caller proves nothing, and is as good
// as none beside another identity.
//
// # Certificates
//
// URI and DNS names must be equal to a subject alternative name of the certificate: URIs byte by byte, DNS names without
// regard to case; wildcards match nothing on either side. The subject's common name counts only when the certificate has no
// subject alternative name of any kind (RFC 6125, section 6.4.4, says the same of servers): many authorities check the
// alternative names but let the applicant choose the common name. Nor does it count when the subject has several, of which
// programs take the first or the last: a certificate with a caller's name among them is refused. Certificates must have been
// verified against the listener's client authorities before they come here.
//
// # Dates and hosts
//
// The date of a signature (always signed: package signing refuses a list of signed headers without it) may be off by [MaxSkew]
// either way. A signature does not always cover the Host field, because some SDKs leave it out; the gateway checks Host against its
// listener's names by itself, before this package is asked.
//
// # Keys
//
// A caller may have any number of access keys, each with an end of its own (NotAfter). It is held against the time at which a request is
// identified: a request that began before is served, also if its body takes longer. When a key was last used, by a signature that was
// verified, stays known while the key stays, from one registry to the next.
//
// # What errors reveal
//
// The text of an [Error] is meant for the caller. It says that an access key is unknown, apart from a wrong signature
// later, or that it has expired: access keys are names, not secrets (each request shows its own), they are found before the body is read and so
// could be distinguished by timing anyway, and a person who sets up an SDK needs to know which of the two values is wrong.
// Guesses are limited by package ratelimit's Sources. It repeats neither the access key, in whose place people paste
// secrets, nor the names of callers.
package caller
