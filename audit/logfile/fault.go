package logfile

import "fmt"

// FaultError is the error of a file of the log that is not as package audit wrote it.
type FaultError struct {
	segment string
	offset  int64
	err     error
}

func (e *FaultError) Error() string {
	return fmt.Sprintf("audit segment %s, byte %d: %v", e.segment, e.offset, e.err)
}

func (e *FaultError) Unwrap() error { return e.err }

// FaultAt returns a [FaultError] at a byte of a file.
func FaultAt(name string, offset int64, format string, args ...any) error {
	return &FaultError{name, offset, fmt.Errorf(format, args...)}
}
