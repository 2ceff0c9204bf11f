// Package signing signs requests to the provider's APIs with an access key and a secret key (AK/SK), and verifies such
// signatures. It also reads paths and queries in the strict way without which a signature says little: what was signed must be
// what every reader understands.
//
// A [Scheme] is a way to sign, and [Schemes] are those that a gateway knows. The headers that a scheme owns say what the gateway
// must know of it, and are known nowhere else: which headers of a caller go no further, which are hidden, which must be signed. There
// is one scheme as yet, [SDK], which is SDK-HMAC-SHA256 and described below.
//
// # Canonical request
//
// Six parts, joined by a line feed (U+000A), with none at the end:
//
//	method
//	canonical URI
//	canonical query
//	header lines
//	signed names
//	payload hash
//
// The method is as sent; it is not upper-cased.
//
// The canonical URI is the decoded path, each byte of which stays if it is one of A-Z a-z 0-9 - _ . ~ / and otherwise
// becomes "%" and two upper-case hex digits. If that does not end in "/", a "/" is appended: "/v2/orders" is signed as
// "/v2/orders/". Segments are not cleaned up.
//
// The canonical query has for each pair the name, "=" (also where the value is empty) and the value, both escaped in the
// same way, "/" included. Pairs are sorted by name and then by value, by their bytes before escaping, and joined by "&".
//
// The header lines are, for each signed header in the order of their names, the lower-case name, ":", the value without
// leading and trailing white space, and a line feed. White space inside stays. As the last line ends in a line feed too,
// an empty line follows the headers.
//
// The signed names are these names, joined by ";".
//
// The payload hash is the SHA-256 of the body in lower-case hex, of no bytes where there is none. If the request
// carries x-sdk-content-sha256, the value of that header stands in its place: the same hash, or UNSIGNED-PAYLOAD.
//
// # String to sign
//
// Three lines, joined by line feeds: "SDK-HMAC-SHA256", the value of x-sdk-date (UTC, "20060102T150405Z"), and the
// SHA-256 of the canonical request in lower-case hex. The signature is the HMAC-SHA256 of that text under the secret key
// as it is, in lower-case hex.
//
// # Authorization
//
// The header that carries it is
//
//	SDK-HMAC-SHA256 Access=AK, SignedHeaders=host;x-sdk-date, Signature=hex
//
// It must have the scheme spelt exactly so and one blank after it; the three parameters once each, in any order, separated by a
// comma and at most one blank; an access key of 1 to 128 of A-Z a-z 0-9 - _ . ; 1 to 64 names, lower case, sorted, none twice,
// x-sdk-date among them; and 64 lower-case hex digits. It must occur once, and have at most 4096 bytes.
//
// # Paths
//
// [ParsePath] decodes a path as received. It refuses what two readers may read differently, or what a reader may repair:
// a path that does not start with "/"; empty segments and a trailing slash; "." and ".." segments, escaped or not;
// slashes, backslashes, ";" and control characters, escaped or not; characters that RFC 3986 does not allow bare in a
// path; bad escapes; what does not decode to UTF-8; "%" and two hex digits in the decoded path (it was escaped twice); and
// more than 8192 bytes.
//
// # Queries
//
// [ParseQuery] decodes a query as received, "+" as a blank. It drops empty pairs ("a=1&&b=2") and takes "a" for "a=". It
// refuses bare ";", "#", blanks and control characters; escaped control characters; bad escapes; what does not decode to
// UTF-8; pairs without a name; more than 256 pairs, and more than 16384 bytes.
//
// [CanonicalPath] and [Query.Canonical] are also what is to be sent (the path without the final slash): then no later
// reader can differ about what was signed.
//
// docs/signing.md has the decisions about each edge case.
package signing
