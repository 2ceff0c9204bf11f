// Package replay remembers the signatures of calls that change something, so that none is accepted twice.
//
// A signature is valid as long as its date is: from 15 minutes before the gateway's clock reads it to 15 minutes after.
// One who copies a signed request could send it again within those 30 minutes. A [Memory] marks the signature of each
// write or spend call before the call goes out, and refuses to mark it again. After a restart it is refilled from the
// audit log's intents, which carry the key of the signature.
//
// # What it relies on
//
// A signature is kept until its date has run out by the clock, and [ClockSlack] longer. How long that is gets fixed when
// it is marked and is then measured on the monotonic clock, as long as the times passed in come from time.Now: so a wall
// clock that jumps ahead loses nothing. One that is set back makes old dates valid again: up to ClockSlack that changes
// nothing; a clock that is set back by more within half an hour reopens the dates between. Machines that keep time by NTP
// step by far less.
//
// Signing is deterministic: two honest calls that are equal in everything and signed within the same second have the same
// signature, and the second one is refused as a replay. For calls that move money this is the safe side, and signing again
// a second later helps.
//
// The memory is this process's own. Replicas of the gateway that hold the same virtual keys share theirs by package fleet/marks.
//
// # Bounds
//
// An entry takes about 40 to 80 bytes. A full memory refuses further signatures ([ErrFull]) instead of dropping old
// ones: dropping them would let a flood reopen the window.
package replay
