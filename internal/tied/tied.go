// Package tied starts processes that end with this one, for tests and benchmarks:
// nothing that they start outlives them, however they end.
package tied

import (
	"os/exec"
	"runtime"
	"syscall"
)

// Start starts a command that is killed when this process ends (Linux,
// PR_SET_PDEATHSIG). The kernel sends the signal when the thread ends that started
// it, so that thread stays as long as this process.
func Start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- cmd.Start()
		select {}
	}()
	return <-done
}
