package demo

import (
	"context"

	"github.com/pgsplit/pgsplit/cmd/pgsplit/internal/screen"
)

// hold leaves the servers up, and says how to reach them, until the context ends. The password that it prints was made
// for these servers and ends with them.
func (d *demo) hold(ctx context.Context) error {
	d.Title("The servers stay up")
	d.Gap()
	d.Row(screen.Widths{8}, screen.Text("all"), screen.Text(d.DSN()))
	for _, s := range d.servers {
		d.Row(screen.Widths{8}, d.label(s), screen.Text(s.DSN()))
	}
	d.Gap()
	d.Line("Give the first to sql.Open(\"pgsplit\", …), any of the others to psql.")
	d.Line("Ctrl-C stops the servers and removes all that is theirs.")
	<-ctx.Done()
	return ctx.Err()
}
