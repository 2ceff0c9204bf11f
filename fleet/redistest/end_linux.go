package redistest

import (
	"os/exec"
	"syscall"
)

// endWithParent makes the kernel kill a process when ours ends: the clean-up of a test that times out never runs.
func endWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
