// Package store keeps an SQLite database beside the audit log, by which calls are found without reading all of it.
//
// # Never the truth
//
// The index holds no text of the log, only numbers and hashes of texts, and where the lines stand. What a query gives is
// read back from the log's own lines, joined by package calls and matched by its filter once more: the index only says
// which lines are worth reading. So a hash that two texts share costs time and nothing else, and a row whose lines do not
// make the call that it stands for is an error, never a result. Whatever is wrong with it, the index can be made again
// from the log ([Index.Rebuild]), and nothing else deletes it, but [Index.Run] one that an older version made.
//
// # Files
//
// The index's name, such as index.sqlite, is a symbolic link to the database of the last build, index.sqlite-…: SQLite
// finds a database's write-ahead log by its name, and must not find that of another one. A new build gets files of
// its own and takes the name over, at once and whole. Who had the old one open reads it to the end, or notices and goes on
// with the new one. All files have mode 0600.
//
// # Tables
//
//	calls    a call that has an outcome or refusal: its place among others, which is the number of the record that ended it, its time, the
//	         positions of its lines, the least and greatest of its amounts, and hashes of what filters compare
//	seen     for each value of what filters compare, the blocks of 512 records in which it occurs
//	ids      by span, hashes of what is (nearly) unique to a call: its id, the provider's request id, orders, customers, coupons
//	amounts  each amount of a call
//	open     positions of intents without an outcome so far
//	lost     the same of those that never got one, as in no log that a gateway wrote
//	spans    for each 4096 records, from when to when its calls are: times seldom step back, but may
//	marks    how far the log was indexed with each of the last transactions, with the hash of the last line
//	begin    the first record of the log, when the index was last compared with it
//
// The hash of a text is the beginning of an FNV-1a hash. Amounts are whole ten-thousandths, cut off and bounded.
//
// # Keeping up
//
// [Index.Run] follows the log. A transaction takes up what came, at most 4,000 records, and marks how far it got; after a
// crash the next one goes on from there. Lines that a crash of the machine took from the log show by the marks: the index
// goes back to the last mark whose line is still there. Rows of records that were pruned are removed.
package store
