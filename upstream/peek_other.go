//go:build !unix

package upstream

// nothingToRead cannot be told here: a connection is used once.
func nothingToRead(uintptr) bool { return false }
