//go:build race

package signing

// raceEnabled: under the race detector sync.Pool drops some of what is put into it, at random.
const raceEnabled = true
