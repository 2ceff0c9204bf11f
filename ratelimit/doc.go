// Package ratelimit shares out what may be called how often.
//
// # Limits on calls
//
// [Rules] say which limits apply to a call: each matching [Rule], with one count for every combination of the dimensions that it
// counts by, and by [Config.Published] the provider's published quota of each operation for each credential. They never change and know
// nothing of calls so far. What a call asks of limits is a [Demand].
//
// A [Limiter] counts, in one of three ways ([Kind]). A token bucket (golang.org/x/time/rate) fills with Flow.PerSecond tokens a
// second up to Flow.Burst, and a call takes one. A window has room for so many calls that were sent in a time before now, and holds published
// quotas: see decision 0049. A calendar has room for so many calls of a day or a month, and none waits for the next one. Other rules may be
// followed while calls are counted ([Limiter.Follow]); a count belongs to a limit's name and to what the limit counts by, and stays
// while these do.
//
// All counts of a call are looked at first and taken together, under their locks, which are always taken in the same
// order. A call that is refused, or whose caller leaves, takes nothing from any. A call that must wait does not
// reserve: it stands in the queue of the limit that holds it back longest and takes what it needs when it goes. So
//
//   - what leaves in any period t is at most PerSecond*t + Burst for each bucket, whichever call waited for what;
//   - in any time as long as a window no more calls are sent than it has room for, whenever they were taken ([Limiter.Sent]);
//   - a caller that is over its own limit does not block others out of a limit that they share with it;
//   - a caller that stops waiting makes room: clients that time out sooner than Config.MaxWait and try again cannot fill a
//     queue with calls whose callers have left. (Reservations of x/time/rate, once others follow them, cannot be
//     returned, which is why they are not used here.)
//
// Callers whose calls wait for the same limit take turns, by start-time fair queueing, and a caller's calls go in the order in which they came.
// Between calls that wait for different limits there is no order. A call whose wait would be longer than MaxWait, as far as the
// queues say, is refused at once; one that other calls delayed beyond it is refused when MaxWait has passed.
//
// A limit in shadow mode counts as if it held calls back, and holds none.
//
// # Bounds
//
// Subjects must be built from configuration only: names of known callers, operations, credentials and upstreams. Counts
// are made at first use. Under the same rules they are not evicted, because evicting one would lose its calls; their number is
// bounded by the product of the configured names and by nothing else. When other rules are followed, those that count nothing are dropped.
// What an unauthenticated peer sends must never become part of a Subject. All queues together hold 4096 calls, and those of one caller never
// more than are left free.
//
// # Limits on unauthenticated peers
//
// [Sources] counts failed authentications for each source address in an LRU of fixed size, since there the keys are
// chosen by the peers.
package ratelimit
