// Package tlspolicy decides which TLS connections are allowed: protocol versions, cipher suites and key-exchange groups.
//
// A [Policy] is a named choice from the cloud provider's published whitelist ("Cipher Suites Allowed in TLS1.2 and
// TLS1.3", appendix of the customer operation API reference, edition of 2024-09-26), which is embedded here. It makes
// server and client [tls.Config] values that offer only what the policy allows, and that check once more what was
// negotiated, on new and on resumed connections, before any application data is read or sent.
//
// # Policies
//
// "huawei" allows the whole whitelist, levels HIGH and MEDIUM. "huawei-high", the default, allows level HIGH only:
// forward secrecy and an AEAD. [New] makes a policy from any part of the whitelist. A suite that crypto/tls does not
// implement can be allowed but is not offered; a policy that leaves one of its protocol versions with nothing to offer
// is an error.
//
// # Groups
//
// The whitelist says nothing of key-exchange groups. Unless chosen otherwise they are all that Go has, in Go's order:
// hybrids with ML-KEM first (X25519MLKEM768, SecP256r1MLKEM768, SecP384r1MLKEM1024), then X25519, P-256, P-384, P-521.
// The list is set explicitly, so that a new Go version or a GODEBUG setting adds nothing. crypto/tls orders by its own
// preference, whatever the order of the list. The hybrids exist in TLS 1.3 only. A TLS 1.2 client makes its check before
// it can know the group; there crypto/tls itself ends a handshake whose server takes a group that was not offered.
//
// # Certificates
//
// Whom to trust is not part of a policy. But a peer is refused unless it has a verified chain in which every key is RSA of
// 2048 bits or more, ECDSA on P-256 or a larger curve, or Ed25519, and no signature is made with SHA-1 or MD5, but for that
// of the trusted certificate itself: crypto/x509 would take the keys.
//
// Towards an upstream, pins can be demanded beside that (see [Pin]): one key of the verified chain must be among them, on
// resumed connections as well. A listener's client authorities may change while it runs ([Server].CurrentClientCAs), and
// a function can have the last word on each certificate ([Server].CheckClient).
//
// # Refusals
//
// A connection outside the policy ends with a [*NotAllowed] before application data is read or sent. [KindOf] sorts all
// errors of handshakes, those of crypto/tls too, into a small fixed set for metrics and records.
//
// # Resumption
//
// Sessions may be resumed as long as the configuration lives that made their ticket keys: never across processes, and not
// after the client authorities have changed. The check runs on resumed connections as well, so a session made under a wider
// policy ends where a narrower one begins.
//
// Ticket keys are random and made each hour; tickets of the hour and of the hour before resume, older ones lead to a full
// handshake. So stolen keys open TLS 1.2 connections that began within two hours, and no others (in TLS 1.3 a resumed
// connection has a key exchange of its own). Keys change at handshakes: until the next one the last two stay in memory.
// crypto/tls announces to clients of TLS 1.3 a lifetime of seven days all the same; it has no setting for that.
//
// # TLS 1.3
//
// crypto/tls has no setting for TLS 1.3 suites: the set and its order are one variable of the process. The named
// policies allow all that Go implements (TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384,
// TLS_CHACHA20_POLY1305_SHA256), so they need no change. For stricter lists a [Plan] works out one set and order that
// serves every policy of the process, and [Plan.Fix] sets it at start, through a link to the variable that the Go
// project keeps linkable (go.dev/issue/67401), and proves by handshake messages that it works. Without that order
// a listener would choose Go's favourite suite and then have to refuse a peer that had offered an allowed one too.
package tlspolicy
