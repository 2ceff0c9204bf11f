package text

import (
	"io"
	"os"
)

// IsTerminal reports whether w is a terminal, where people read what is written. The null device, which has the same type, counts as one.
func IsTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
