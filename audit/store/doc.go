// Package store keeps an SQLite database beside the audit log, by which calls are found without reading all of it.
//
// # Never the truth
//
// What a query returns is read back from the log's own lines, joined by package calls and matched by its filter once more: the index only
// says which lines are worth reading. A row that is not that of the call which its lines make is an error, never a result: a hash that two texts
// share costs time and nothing else. A row that is missing is not noticed (of an event, it leaves an outcome unknown that was settled), and sums ([Index.Report]) are not read back: who
// must be certain reads the log. Whatever is wrong with the index, it can be made again from the log ([Index.Rebuild]), and nothing else deletes it,
// but [Index.Run] one that an older version made, or whose days are of another zone.
//
// # Files
//
// The index's name, such as index.sqlite, is a symbolic link to the database of the last build, index.sqlite-…: SQLite
// finds a database's write-ahead log by its name, and must not find that of another one. A new build has files of
// its own and takes the name over, at once and whole. A process that has the old one open reads it to the end, or notices and goes on
// with the new one. All files have mode 0600.
//
// # Tables
//
//	kinds      each combination that occurs of what filters compare with equality and many calls have in common
//	calls      a call that has an outcome or refusal: its place among others, which is the number of the record that ended it, its kind, its time,
//	           the running maximum of the times at which calls ended, the positions of its lines, the least and greatest of its amounts, and
//	           whether it is summed up
//	blocks     for each span of 4,096 records, what filters ask about its calls in eight bytes each, and from when to when they are: times seldom step
//	           back, but may
//	ids        by span, hashes of what is (nearly) unique to a call: its id, the provider's request id, orders, customers, coupons; and once
//	           a span, those of the plans that decided its calls
//	days       by span and day, lists of counts and money, by kind and where the price comes from; and the same by customer
//	open       positions of intents without an outcome so far
//	lost       the same of those that never got one, as in no log that a gateway wrote
//	events     the code of each event, a hash of its subject, and where it stands; and the same of starts, stops, keys, prunings,
//	           summaries of refusals, and refusals of no call
//	marks      how far the log was indexed with each of the last transactions, with the hash of the last line
//	begin      the first record of the log when the index was last compared with it, the zone of days, and a random
//	           text of its own
//
// What batches write of a span in blocks and days becomes one row of each (and day) when the span is complete: a batch adds little.
// A hash of a text is 48 bits of its FNV-1a hash. Amounts are whole ten-thousandths, cut off and bounded; money is decimal text.
//
// # Queries
//
// A query reads the blocks of its period in pieces, the rows of the calls that may match, and then their lines. So it takes no longer than to read
// all blocks, by any filters together: some tens of milliseconds for millions of calls. Kinds are held in memory for all queries of an [Index].
//
// # Keeping up
//
// A runner follows the log and has a [Sink] take up what came, of which the database is one: at most 4,000 records in a transaction, which marks
// how far it got; after a crash the next one goes on from there. Lines that a crash of the machine took from the log show by the
// marks: the index steps back to the last mark whose line is still there. Rows of records that were pruned are removed; what they were part of (a span's
// sums, the running maximum) is made again from the lines that are left.
package store
