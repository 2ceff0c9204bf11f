// Package ratelimit shares out what may be called how often.
//
// # Limits on calls
//
// A [Limiter] holds token buckets (golang.org/x/time/rate): a bucket fills with Flow.PerSecond tokens a second up to
// Flow.Burst, and a call takes one. Which buckets a call needs follows from its [Subject]: each matching [Rule] has one
// bucket for every combination of the dimensions that it counts by, and [Config.Published] adds one bucket for each
// credential and operation with the provider's published quota.
//
// All buckets of a call are looked at first and taken together, under their locks, which are always taken in the same
// order. A call that is refused, or whose caller leaves, takes no token from any bucket. A call that must wait does not
// reserve: it stands in the queue of the bucket that holds it back longest and takes its tokens when it goes. So
//
//   - what leaves in any period t is at most PerSecond*t + Burst for each bucket, whoever waited for what;
//   - a caller that is over its own limit does not block others out of a bucket that they share with it;
//   - a caller that gives up makes room: clients that time out sooner than Config.MaxWait and try again cannot fill a
//     queue with calls that nobody waits for any more. (Reservations of x/time/rate, once others follow them, cannot be
//     given back, which is why they are not used here.)
//
// Calls waiting for the same bucket go in the order in which they came, and later calls do not overtake them. Between
// calls that wait for different buckets there is no order. A call whose wait would be longer than MaxWait, as far as the
// queues tell, is refused at once; one that other calls delayed beyond it is refused when MaxWait has passed.
//
// # Bounds
//
// Subjects must be built from configuration only: names of known callers, operations, credentials and upstreams. Buckets
// are made at first use and are never evicted, because evicting one would refill it; their number is bounded by the
// product of the configured names and by nothing else. What a stranger sends must never become part of a Subject.
// A bucket's queue holds at most about MaxWait*PerSecond calls, all queues together 4096.
//
// # Limits on strangers
//
// [Sources] counts failed authentications for each source address in an LRU of fixed size, since there the keys are
// chosen by strangers.
package ratelimit
