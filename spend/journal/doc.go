// Package journal brings a [spend.Memory] up to what the log says, and keeps a file beside the log so that a start need not read all of it
// again.
//
// # What is derived
//
// A call holds and uses what its intent says ([Describe]), from then on and until its outcome, or an event, releases it: see "What a call
// spends" in docs/audit-format.md. The journal follows the log's durable records and takes each into a ledger of its own, so that what it
// knows is a function of the records up to some number. Calls do not wait for it: they reserve in the ledger of the gateway, which a start
// makes of the journal's. Counts of limits by day or month are read from the limiter, after the number of the last durable record was: so
// after a crash calls may be counted twice, and never left out.
//
// # Unknown calls
//
// A call of which it is unknown whether it was done holds what it holds whatever its age. So it is stated again, with all that it holds,
// in each new segment and behind each start; until that is durable no segment is pruned that has its last statement. A rebuild reads the
// segments of the last records as far back as windows and periods reach, and a day more: each unknown call is stated there.
//
// # The file
//
// [FileName] lies in the folder of the log, is for the gateway only (mode 0600), and is replaced as a whole:
//
//	tollgate spend state 1
//	5b0c…e1
//	{"seq":4711,…}
//
// The second line is HMAC-SHA-256, in hexadecimal digits, over all that stands below it, under a key that is derived from the one that
// signs the log's checkpoints. The third, without a line feed behind it, is the [state] as JSON. It names the last record that it holds, the
// place and the hash of that record's line. A file that is not as written here, is signed by another key, or whose record is not there
// is not used; nor is one of another hash key, since what is held cannot be compared.
package journal
