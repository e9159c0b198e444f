package demo

import (
	"fmt"

	"github.com/pgsplit/pgsplit/cmd/pgsplit/internal/screen"
)

// claim is something that the demo has said of the servers.
type claim struct {
	text string
	held bool
}

// claim prints what is claimed and whether it held.
func (d *demo) claim(held bool, format string, args ...any) {
	c := claim{text: fmt.Sprintf(format, args...), held: held}
	d.made = append(d.made, c)
	d.print(c)
}

func (d *demo) print(c claim) {
	if c.held {
		d.Line("%s %s", d.Paint(screen.Good, "✓ ok"), c.text)
	} else {
		d.Line("%s %s", d.Paint(screen.Bad, "✗ FAILED"), c.text)
	}
}

// verdict sums the claims up; it returns ErrClaim when one did not hold.
func (d *demo) verdict() error {
	var broken []claim
	for _, c := range d.made {
		if !c.held {
			broken = append(broken, c)
		}
	}
	d.Title("Verdict")
	if len(broken) == 0 {
		d.Line("%s", d.Paint(screen.Good, fmt.Sprintf("✓ all %d claims held", len(d.made))))
		return nil
	}
	d.Line("%s", d.Paint(screen.Bad, fmt.Sprintf("✗ %d of %d claims did not hold:", len(broken), len(d.made))))
	for _, c := range broken {
		d.print(c)
	}
	return fmt.Errorf("%w: %d of %d failed", ErrClaim, len(broken), len(d.made))
}
