package service

import (
	"os"
	"runtime"
)

// ballastSize is how much the collector believes to be in use besides the gateway's own few megabytes.
const ballastSize = 32 << 20

// ballast makes garbage collection rarer: the collector lets the heap grow by as much as is in use, which for a gateway is
// little, so that under load it would run all the time. The ballast is never written, so it takes no memory but what garbage
// may now take before it is collected, about as much again. An operator who sets GOGC has decided otherwise.
func ballast() (release func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	weight := make([]byte, ballastSize)
	return func() { runtime.KeepAlive(weight) }
}
