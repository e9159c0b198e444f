package pgsplittest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// hopeless is an error for which waiting any longer would be in vain.
type hopeless struct{ error }

func (h hopeless) Unwrap() error { return h.error }

// await asks until the answer is yes. An error of the question is not the end,
// unless it is hopeless: a server that starts or restarts refuses connections
// for a while.
func await(ctx context.Context, what string, ask func() (bool, error)) error {
	var last error
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		ok, err := ask()
		if ok {
			return nil
		}
		if errors.As(err, &hopeless{}) {
			return err
		}
		if err != nil {
			last = err
		}
		select {
		case <-ctx.Done():
			if last != nil {
				return fmt.Errorf("waited in vain for %s: %w", what, last)
			}
			return fmt.Errorf("waited in vain for %s: %w", what, ctx.Err())
		case <-time.After(pause):
		}
	}
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func linesWith(text, part string) string {
	var found []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return strings.Join(found, "; ")
}
