package pgsplittest

import (
	"context"
	"fmt"
	"strconv"
)

// position is a place in the WAL.
type position uint64

func parsePosition(text string) (position, error) {
	var high, low uint32
	if _, err := fmt.Sscanf(text, "%X/%X", &high, &low); err != nil {
		return 0, fmt.Errorf("not a WAL position: %q", text)
	}
	return position(high)<<32 | position(low), nil
}

func (p position) String() string { return fmt.Sprintf("%X/%X", uint32(p>>32), uint32(p)) }

func (a *asker) position(ctx context.Context, expression string) (position, error) {
	text, err := a.text(ctx, "SELECT coalesce("+expression+", '0/0')")
	if err != nil {
		return 0, err
	}
	return parsePosition(text)
}

// pages are the sizes that a server was built and initialised with.
type pages struct{ page, segment uint64 }

func (a *asker) pages(ctx context.Context) (pages, error) {
	page, err := a.text(ctx, "SHOW wal_block_size")
	if err != nil {
		return pages{}, err
	}
	segment, err := a.text(ctx, "SELECT pg_size_bytes(current_setting('wal_segment_size'))")
	if err != nil {
		return pages{}, err
	}
	var p pages
	if p.page, err = strconv.ParseUint(page, 10, 64); err != nil {
		return pages{}, err
	}
	p.segment, err = strconv.ParseUint(segment, 10, 64)
	return p, err
}

// The headers of a segment's first page and of the others.
const (
	longHeader  = 40
	shortHeader = 24
)

// reachable is the position that a replica reports when it has replayed
// everything before p. When the last record ends with a page, a primary gives
// the position behind the next page's header, which a replica does not report
// until more has been written.
func (w pages) reachable(p position) position {
	header := uint64(shortHeader)
	if uint64(p)%w.segment < w.page {
		header = longHeader
	}
	if into := uint64(p) % w.page; into <= header {
		return p - position(into)
	}
	return p
}
