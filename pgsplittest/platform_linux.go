package pgsplittest

import "syscall"

// dieWithParent has the kernel tell the server of our end. SIGQUIT is its
// immediate shutdown, which takes its children and its shared memory along.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGQUIT }
