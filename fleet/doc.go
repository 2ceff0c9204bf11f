// Package fleet joins gateways over one Redis: a connection on which many questions share a round trip, the list of members that are
// present, and a number for each life of the data in Redis.
//
// # Questions
//
// A [Question] is a [Script] with arguments. [Client.Ask] waits for its answer no longer than the patience that is configured, and never
// repeats a question that may have had effects. What has come while one round trip was under way goes out together in the next.
//
// # Epochs
//
// Redis loses data: it starts empty or from an old snapshot, another takes its place and lacks the last writes, someone empties it, it evicts
// keys. An epoch is one life of the data. Its record names the process whose data it is; a member that finds no record, or one of another
// process, begins the next epoch. A member then joins the epoch: each [Part] uploads what this member knows, before any question is asked.
// An epoch is complete when all configured members have joined. Questions say which epoch they are for, and scripts refuse those of others.
package fleet
