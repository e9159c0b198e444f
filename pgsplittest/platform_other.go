//go:build !unix

package pgsplittest

import (
	"errors"
	"syscall"
)

const (
	sigFast      = syscall.SIGINT
	sigImmediate = syscall.SIGQUIT
	sigKill      = syscall.SIGKILL
	sigStop      = syscall.Signal(19)
	sigContinue  = syscall.Signal(18)
)

var errUnsupported = errors.New("this system has no Unix processes and signals, which the knobs need")

func supported() error { return errUnsupported }

func ownSession() *syscall.SysProcAttr { return nil }

func childAttr(account) *syscall.SysProcAttr { return nil }

func signal(int, syscall.Signal) error { return errUnsupported }

func ownedByUs(string) bool { return false }

func lockFile(string) (func(), error) { return nil, errUnsupported }
