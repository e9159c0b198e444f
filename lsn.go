package pgsplit

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pgsplit/pgsplit/internal/broken"
)

// LSN is a position in PostgreSQL's write-ahead log, in bytes. It is only comparable with positions of the same
// timeline of the same system. The zero LSN is never a valid position.
type LSN uint64

// ParseLSN reads PostgreSQL's text form of a pg_lsn value, such as "16/B374D848".
func ParseLSN(s string) (LSN, error) {
	high, low, ok := strings.Cut(s, "/")
	if ok {
		h, err1 := strconv.ParseUint(high, 16, 32)
		l, err2 := strconv.ParseUint(low, 16, 32)
		if err1 == nil && err2 == nil {
			return LSN(h<<32 | l), nil
		}
	}
	return 0, fmt.Errorf("pgsplit: %q is not a log sequence number: two hexadecimal numbers joined by a slash are, like 16/B374D848", s)
}

// String returns PostgreSQL's text form.
func (l LSN) String() string { return fmt.Sprintf("%X/%X", uint32(l>>32), uint32(l)) }

// walGeometry is how a server cuts its log into pages and segments. The zero value stands for PostgreSQL's defaults.
type walGeometry struct{ page, segment uint64 }

const (
	defaultWALPage    = 8 << 10
	defaultWALSegment = 16 << 20

	// The sizes of the headers at the start of a page (XLogPageHeaderData) and of a segment's first page
	// (XLogLongPageHeaderData), as PostgreSQL aligns them.
	walPageHeader    = 24
	walSegmentHeader = 40
)

// floor rounds an insert position down to the end of the last record. When that record ends exactly at the end of a
// page, the insert position already lies behind the next page's header, where no standby will be before more log
// arrives; on an idle primary a plain comparison would wait for ever.
func (g walGeometry) floor(l LSN) LSN {
	if broken.PageHeaders.Load() {
		return l
	}
	page, segment := g.page, g.segment
	if page == 0 {
		page = defaultWALPage
	}
	if segment == 0 {
		segment = defaultWALSegment
	}
	header := uint64(walPageHeader)
	if uint64(l)%segment < page {
		header = walSegmentHeader
	}
	if off := uint64(l) % page; off <= header {
		return l - LSN(off)
	}
	return l
}
