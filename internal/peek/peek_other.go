//go:build !unix

package peek

// nothingToRead is not known here.
func nothingToRead(uintptr) (quiet, known bool) { return false, false }
