// Package ratelimit shares out what may be called how often.
//
// # Limits on calls
//
// [Rules] say which limits apply to a call: each matching [Rule], with one count for every combination of the dimensions that it
// counts by, and by [Config.Published] the provider's published quota of each operation for each credential. They never change and know
// nothing of calls so far. What a call asks of limits is a [Demand].
//
// A [Limiter] counts: it holds a token bucket (golang.org/x/time/rate) for each count. A bucket fills with Flow.PerSecond tokens a
// second up to Flow.Burst, and a call takes one. Other rules may be followed while calls are counted ([Limiter.Follow]); a count
// belongs to a limit's name and to what the limit counts by, and stays while these do.
//
// All buckets of a call are looked at first and taken together, under their locks, which are always taken in the same
// order. A call that is refused, or whose caller leaves, takes no token from any bucket. A call that must wait does not
// reserve: it stands in the queue of the bucket that holds it back longest and takes its tokens when it goes. So
//
//   - what leaves in any period t is at most PerSecond*t + Burst for each bucket, whichever call waited for what;
//   - a caller that is over its own limit does not block others out of a bucket that they share with it;
//   - a caller that gives up makes room: clients that time out sooner than Config.MaxWait and try again cannot fill a
//     queue with calls whose callers have left. (Reservations of x/time/rate, once others follow them, cannot be
//     given back, which is why they are not used here.)
//
// Calls waiting for the same bucket go in the order in which they came, and later calls do not overtake them. Between
// calls that wait for different buckets there is no order. A call whose wait would be longer than MaxWait, as far as the
// queues tell, is refused at once; one that other calls delayed beyond it is refused when MaxWait has passed.
//
// # Bounds
//
// Subjects must be built from configuration only: names of known callers, operations, credentials and upstreams. Buckets
// are made at first use. Under the same rules they are not evicted, because evicting one would refill it; their number is
// bounded by the product of the configured names and by nothing else. When other rules are followed, full ones are dropped.
// What a stranger sends must never become part of a Subject. A bucket's queue holds at most about MaxWait*PerSecond calls,
// all queues together 4096.
//
// # Limits on strangers
//
// [Sources] counts failed authentications for each source address in an LRU of fixed size, since there the keys are
// chosen by strangers.
package ratelimit
