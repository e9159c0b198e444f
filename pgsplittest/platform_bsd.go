//go:build unix && !linux

package pgsplittest

import "syscall"

// dieWithParent is left to the watchdog here.
func dieWithParent(*syscall.SysProcAttr) {}
