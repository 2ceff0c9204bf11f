package chaos

import "os"

func (w *world) firstVersion() string { return os.Getenv("TOLLGATE_FIRST_BINARY") }
