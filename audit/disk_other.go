//go:build !linux

package audit

import "os"

func datasync(f *os.File) error { return f.Sync() }

func lookUp(path string) (fileID, error) { return lstat(path) }

func freeBytes(string) int64 { return -1 }
