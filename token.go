package pgsplit

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
)

// MaxTokenLen is the longest token that Session.Token gives, in bytes.
const MaxTokenLen = 256

// ErrToken is behind every error of ResumeSession that says that the token is of no use: damaged, of another database
// system, or ahead of it.
var ErrToken = errors.New("pgsplit: session token")

func tokenError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrToken, fmt.Sprintf(format, args...))
}

// Token returns the session as text for another process, a queue job or a browser: opaque, of at most MaxTokenLen letters,
// digits, "-" and "_". It is empty for a session that has neither written nor read. It never waits: what has no known
// position yet is taken to have happened when the token is resumed, which is right but asks for more than needed; Settle
// before it avoids that. Rows of a write that are still open are not covered.
//
// A token holds no data and no secret: the identifier of the database system and a position in its log. It is not signed.
// It covers four handles at most: of more, those with which the session was used first for the latest time. What a session has brought
// along for database systems that none of its handles leads to goes on in its token.
//
// What was done through sql.Conn.Raw counts for sessions that were used with the handle otherwise, too, or were made by ResumeSession
// with it, unless it has one server only.
func (s *Session) Token() string {
	var claims []claim
	for p := s.parts.Load(); p != nil; p = p.next {
		if c, ok := p.claim(); ok && !slices.Contains(claims, c) {
			claims = append(claims, c)
		}
	}
	for _, c := range s.carried {
		if !slices.Contains(claims, c) {
			claims = append(claims, c)
		}
	}
	if len(claims) == 0 {
		return ""
	}
	return formatToken(claims[:min(len(claims), tokenMost)])
}

func (p *sessionPart) claim() (claim, bool) {
	c := p.cluster
	cl := claim{system: c.systemIdentifier(), handle: c.number}
	if len(c.servers) == 1 {
		cl.pending, cl.handle = true, 0 // there are no samples
		return cl, true
	}
	snap := c.snap.Load()
	open, _ := p.pending()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle(snap)
	if p.seen.srv != nil {
		p.sawAnything(snap)
	}
	_, mark := p.pending()
	cl.floor = snap.resolved.raised(p.floor)
	if mark == 0 && cl.floor.lsn == 0 {
		return cl, false
	}
	at, ok := snap.resolved.position(mark)
	if !ok || open {
		cl.pending, cl.mark = true, mark
		return cl, true
	}
	cl.floor = cl.floor.or(floor{snap.resolved.timeline, at})
	return cl, true
}

// sawAnything replaces a read whose position is not known yet by one that is: the primary's.
func (p *sessionPart) sawAnything(snap *snapshot) {
	if p.bound.lsn != 0 {
		p.raise(p.bound, snap)
	} else {
		p.sees()
	}
	p.seen, p.bound = glance{}, floor{}
}

const (
	tokenVersion = 1
	tokenMost    = 4 // handles in one token
)

// claim is what a token says of one database system. It is not signed: whoever makes one up can ask for less than there is,
// which concerns nobody else, or for more, which is refused.
type claim struct {
	system uint64 // its identifier; 0: not known
	floor  floor  // a position to have reached

	// pending says that something was not resolved to a position when the token was made: whoever resumes it takes it to have
	// happened just then. In the handle that has made it (the one with that number) it is known better.
	pending bool
	handle  uint64
	mark    moment
}

// formatToken makes opaque text of claims: base64 of version, count, claims and checksum.
func formatToken(claims []claim) string {
	b := []byte{tokenVersion, byte(len(claims))}
	for _, c := range claims {
		flags := byte(0)
		if c.pending {
			flags = 1
		}
		b = append(binary.BigEndian.AppendUint64(b, c.system), flags)
		b = binary.AppendUvarint(b, uint64(c.floor.timeline))
		b = binary.AppendUvarint(b, uint64(c.floor.lsn))
		if c.pending {
			b = binary.BigEndian.AppendUint64(b, c.handle)
			b = binary.AppendUvarint(b, uint64(c.mark))
		}
	}
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseToken(token string) ([]claim, error) {
	if len(token) > MaxTokenLen {
		return nil, tokenError("it has %d bytes, at most %d are possible", len(token), MaxTokenLen)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < 6 {
		return nil, tokenError("it is damaged")
	}
	if b[0] != tokenVersion {
		return nil, tokenError("it has version %d, this is version %d", b[0], tokenVersion)
	}
	body, sum := b[:len(b)-4], b[len(b)-4:]
	if crc32.ChecksumIEEE(body) != binary.BigEndian.Uint32(sum) || body[1] == 0 || body[1] > tokenMost {
		return nil, tokenError("it is damaged")
	}
	r := tokenReader{rest: body[2:]}
	claims := make([]claim, body[1])
	for i := range claims {
		c := &claims[i]
		c.system = r.fixed()
		c.pending = r.flag()
		c.floor.timeline = uint32(r.number(1<<32 - 1))
		c.floor.lsn = LSN(r.number(1<<64 - 1))
		if c.pending {
			c.handle, c.mark = r.fixed(), moment(r.number(1<<64-1))
		}
	}
	if r.failed || len(r.rest) > 0 {
		return nil, tokenError("it is damaged")
	}
	return claims, nil
}

// tokenReader reads the parts of a token; what is missing reads as zero.
type tokenReader struct {
	rest   []byte
	failed bool
}

func (r *tokenReader) take(n int) []byte {
	if n <= 0 || n > len(r.rest) {
		r.failed, r.rest = true, nil
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *tokenReader) fixed() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *tokenReader) flag() bool {
	b := r.take(1)
	r.failed = r.failed || b != nil && b[0] > 1
	return b != nil && b[0] == 1
}

func (r *tokenReader) number(most uint64) uint64 {
	v, n := binary.Uvarint(r.rest)
	if r.take(n) == nil || v > most {
		r.failed = true
		return 0
	}
	return v
}
