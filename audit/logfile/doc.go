// Package logfile is the format of a log of calls: its records, their lines, the files that these stand in, and the Merkle tree
// and keys that make it tamper-evident. It reads such files, also while package audit writes them; it writes none.
//
// # Files
//
// A log is a directory (mode 0700) of files (mode 0600):
//
//	lock                          locked by flock(2) while a process writes the log; has its process id
//	00000000000000000001.jsonl    a segment, named by the seq of its first record, 20 digits
//	00000000000000004711.jsonl    the last segment is the live one
//	next                          for a moment: the file that becomes the next segment; holds no record
//	00000000000000000001.hashes   what pruning leaves of the segment of that number: its leaf hashes, 32 bytes each
//	signing.key                   the private key, where the configuration names no other place
//	signing.key.new               its successor, until the next start brings it in
//	hash.key                      the key of keyed hashes, see package mac, where the configuration names no other place
//
// A segment is a sequence of lines. The live segment may end in zero bytes, allocated ahead, since overwriting zeros
// is faster to sync than growing a file and cannot run out of space: readers stop at the first zero byte. All other
// segments end with a line feed. A line without its line feed, at the end of the live segment, is not a record.
//
// # Lines
//
// A line is one JSON object (RFC 8259) in UTF-8 without insignificant white space and without duplicate names, at most
// [MaxLine] bytes with its line feed (0x0A). It never contains a zero byte. The members are those of [Record], in that
// order; members that are empty, zero or false are left out, but for seq, commit, time and kind, which begin every line:
//
//	{"seq":2,"commit":2,"time":"2026-10-03T04:05:06.007080900Z","kind":"intent","call":"0199a3b2-…",…}
//
// seq rises by one from line to line and from segment to segment, beginning with 1. It alone is the order: time, in
// UTC with nine digits of a second, steps back when the clock is set. commit is the seq of the first record that was
// written and synced together with this one. What a terminal would not print is escaped. A record that would make a line
// too long has texts and lists truncated, and has "cut":true.
//
// docs/audit-format.md lists the members, and the rules of verifying and of recovery for another reader.
//
// # Checkpoints
//
// A leaf is a line without its line feed; hashing is that of RFC 6962 section 2.1, see package checkpoint. A checkpoint is a
// record of kind checkpoint that holds a signed note of the tree over all records before itself, and that tree's peaks, from
// which the tree goes on:
//
//	{"seq":4712,"commit":4712,"time":…,"kind":"checkpoint","key":"NAME+HASH+KEY","checkpoint":"NAME\n4711\n…","peaks":[…],
//	"open":{…},"signatures":[…],"previous":{…},"frozen":{…}}
//
// It also states what a start needs of the records before it, see [State]. Each has a commit of its own, so it is signed for
// durable records only. It comes when the log was opened, some time or so many records after the last one, as the first record of
// each segment but the first, and behind the stop record. A key record says which key signs from there on; the next checkpoint is
// signed by the key before it as well, unless that is lost.
package logfile
