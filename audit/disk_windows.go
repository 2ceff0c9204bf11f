package audit

import (
	"errors"
	"fmt"
	"io"
)

// diskOf returns the directory of a log, which cannot be written here.
func diskOf(string) disk { return unwritable{} }

// unwritable is the directory of a log on a system where names cannot be made durable. What a writer does first, the lock, fails.
type unwritable struct{ disk }

func (unwritable) Lock() (io.Closer, error) {
	return nil, fmt.Errorf("writing an audit log on Windows: %w", errors.ErrUnsupported)
}
