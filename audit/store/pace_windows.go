package store

import (
	"time"

	"golang.org/x/sys/windows"
)

// processTime returns the CPU time of the process so far.
func processTime() time.Duration {
	var created, ended, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(windows.CurrentProcess(), &created, &ended, &kernel, &user); err != nil {
		return 0
	}
	return ticks(kernel) + ticks(user)
}

// ticks returns a length of time in units of 100 ns, in which [windows.Filetime.Nanoseconds] takes it for a date.
func ticks(t windows.Filetime) time.Duration {
	return time.Duration(int64(t.HighDateTime)<<32|int64(t.LowDateTime)) * 100
}
