package pgsplittest

import "time"

// SetTimeout changes the bound of the knobs after a start that had the full time.
func (c *Cluster) SetTimeout(d time.Duration) { c.opts.Timeout = d }
