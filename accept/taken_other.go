//go:build !linux

package accept

import "syscall"

// acknowledged is not known here.
func acknowledged(syscall.Conn) (bytes int64, ok bool) { return 0, false }
