//go:build unix && !linux

package audit

import "os"

func datasync(f *os.File) error { return f.Sync() }

func lookUp(path string) (fileID, error) { return lstat(path) }
