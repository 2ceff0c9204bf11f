// Package limits counts calls for all members of a fleet: a limiter over Redis, and each member's share of the limits for when Redis cannot
// be asked.
//
// # Over Redis
//
// One script looks at all limits of a call and takes from all of them or from none, by the rules of package ratelimit and the clock of
// Redis. A call that has to wait has an entry in the fair queue of the limit that holds it back longest, learns after what time to ask
// again, and asks. Of the calls of one caller that wait for one limit on one member only the first asks; the others stand behind it in
// a line of this process. An entry of a member that has died is passed over after at most [ghost].
//
// # Without Redis
//
// A limit refuses calls, or each member has an even share of it: a limiter of package ratelimit that is divided by the number of members. It
// counts every call of this member, so that what is left of the share is what the member has not used. Calls that were let through so are
// reported as soon as Redis can be asked, before the next call is. When Redis has lost its data, each member uploads how it
// saw the limits last, and the fullest count of all members holds.
//
// # Bounds
//
// They are stated and reasoned in docs/decisions/0050-limits-over-redis-and-without-it.md, and held by the tests of this package.
package limits
