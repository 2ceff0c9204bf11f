// Package scan asks a TLS server what it accepts: protocol versions, cipher suites, key-exchange groups and
// certificates, and says for each whether a policy allows it.
//
// It writes its own ClientHellos and reads the first answers, since crypto/tls can offer neither all suites nor old
// versions, and needs no cryptography for that. A server has accepted what its ServerHello names; the connection is then
// closed. The suites of a version are found by offering all, striking out what the server chose, and offering the rest,
// until it refuses: one connection for each suite that is accepted, and one more.
//
//   - SSL 3.0 to TLS 1.2: ClientHello and ServerHello of RFC 5246 section 7.4.1; the Certificate and ServerKeyExchange
//     messages that follow in the clear have certificates, groups and the size of finite-field groups.
//   - TLS 1.3: RFC 8446 section 4. The offer has no key share, so a server answers with a HelloRetryRequest, which names
//     suite and group. Certificates are read from one complete handshake of crypto/tls.
//
// Suites are those of IANA's registry and some that were never registered but used; they stand in suites.csv.
// A suite that needs what only client and server know (PSK, SRP, certificates of DSA keys and so on) shows only when the
// server has it set up.
package scan
