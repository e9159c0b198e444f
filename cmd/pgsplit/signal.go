package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// signalStatus plus the number of a signal is the exit status of a command that the signal has ended.
const signalStatus = 128

// signalled is the cause of a context that a signal has ended.
type signalled struct{ syscall.Signal }

func (s signalled) Error() string { return fmt.Sprintf("signal: %v", s.Signal) }

// withSignals returns a context that ends with the first signal that asks the program to end, so that it can clean up.
// The second one ends the program itself.
func withSignals(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	got := make(chan os.Signal, 1)
	signal.Notify(got, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		defer signal.Stop(got)
		select {
		case s := <-got:
			cancel(signalled{s.(syscall.Signal)})
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// signalOf returns the signal that has ended the context.
func signalOf(ctx context.Context) (syscall.Signal, bool) {
	var s signalled
	ok := errors.As(context.Cause(ctx), &s)
	return s.Signal, ok
}
