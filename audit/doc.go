// Package audit keeps a durable, append-only, signed log of calls: one line of JSON for each record, written and synced to
// disk before the call that it describes is sent.
//
// # What it promises
//
// When [Log.Intent] returns nil, the record survives a loss of power. After a crash at any point [Open] finds every
// record that was acknowledged, in order and without gaps, and closes each call that has an intent and no outcome with
// the outcome [logfile.Unknown]. Nothing that a peer does makes the log wait or grow without bound: refusals are queued,
// summarised by [Refusals] when unauthenticated peers cause them, and may use neither the space on disk nor the memory that is kept
// for the outcomes of calls that were sent.
//
// The lines are the leaves of a Merkle tree, whose size and root the log signs now and then. Those who hold the disk and not
// the signing key cannot change, remove, add or reorder records below such a checkpoint without being found out; that the
// log's end was cut shows against any checkpoint kept elsewhere.
//
// Package logfile has the format of the files, and reads them.
//
// # Writing
//
// One goroutine, the committer, owns the live segment. Callers put lines into a buffer; the committer takes all of it,
// writes it, syncs once, checks that the file is still the one under its name, and wakes all who wait: records that come
// while it works share the next sync. Records that no caller waits for do not ask for a sync of their own: they share the
// next one, or have one after 50 milliseconds. A write that fails is repeated with the same bytes at the same place, while new
// intents are refused. A sync that fails ends the log: what it left on disk is known only after a restart. When no caller waits
// for them any more, the committer adds the lines to the tree.
package audit
