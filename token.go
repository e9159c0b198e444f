package pgsplit

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// MaxTokenLen is the longest token that Session.Token gives, in bytes.
const MaxTokenLen = 256

// ErrToken is behind every error of ResumeSession that says that the token is of no use: damaged, of another database
// system, or ahead of it.
var ErrToken = errors.New("pgsplit: session token")

func tokenError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrToken, fmt.Sprintf(format, args...))
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
	if crc32.ChecksumIEEE(body) != binary.BigEndian.Uint32(sum) || body[1] > tokenMost {
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
