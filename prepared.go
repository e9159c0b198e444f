package pgsplit

import (
	"context"
	"database/sql/driver"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgsplit/pgsplit/internal/statement"
)

// Statements of database/sql's Prepare on backends. A text is prepared by pgx's own Prepare, under pgx's name, on each
// backend where it runs; backends are shared, and so is what is prepared there. It stays as long as one driver connection
// holds a Stmt of the text.

// prepared is a text that a Conn has prepared, and what its Stmts have in common.
type prepared struct {
	text   string
	params int    // how many parameters the server has counted; -1: that cannot be known
	shape  *shape // as the Conn knows it; nil on connections that are not pgx's
	stmts  int    // how many Stmts of this Conn are open
}

// own is what this Conn has prepared of a text, if anything. pgx runs each statement of the text as that.
func (c *Conn) own(text string) *prepared {
	if len(c.prepared) == 0 {
		return nil
	}
	if p := c.prepared[text]; p != nil && p.shape != nil {
		return p
	}
	return nil
}

// shape is what a server says of a text when it parses it. One that a server has parsed with another outcome than its
// holder knows has met another schema, and is parsed anew before it runs: its plan may be out of date, which is an
// error, and an error ends a transaction.
type shape struct {
	params []uint32
	fields []pgconn.FieldDescription
}

func (s *shape) describes(sd *pgconn.StatementDescription) bool {
	return slices.Equal(s.params, sd.ParamOIDs) && slices.EqualFunc(s.fields, sd.Fields, func(a, b pgconn.FieldDescription) bool {
		return a.Name == b.Name && a.DataTypeOID == b.DataTypeOID && a.TypeModifier == b.TypeModifier && a.DataTypeSize == b.DataTypeSize
	})
}

// parse has a server check a text, and keeps it prepared: the outcome is that of pgx's Prepare on a connection that has not
// prepared it yet. Where it is prepared already, describing it without a name tells whether the schema has changed since. In
// a transaction, which an old plan would end with its error, it is prepared anew whatever that may say.
func (b *backend) parse(ctx context.Context, text string) (*shape, error) {
	if text == "" { // pgx prepares this under a name that it then does not know
		sd, err := b.pg.PgConn().Prepare(ctx, "", "", nil)
		if err != nil {
			return nil, err
		}
		return &shape{params: sd.ParamOIDs}, nil
	}
	if known := b.prepared[text]; known != nil && b.txStatus() == 'I' {
		sd, err := b.pg.Prepare(ctx, "", text)
		if err != nil {
			return nil, err
		}
		if known.describes(sd) {
			return known, nil
		}
	}
	return b.prepare(ctx, text)
}

// prepare prepares a text, anew if it is prepared.
func (b *backend) prepare(ctx context.Context, text string) (*shape, error) {
	if b.prepared[text] != nil {
		if err := b.deallocate(ctx, text); err != nil {
			return nil, err
		}
	}
	sd, err := b.pg.Prepare(ctx, text, text)
	if err != nil {
		return nil, err
	}
	if b.prepared == nil {
		b.prepared = make(map[string]*shape)
	}
	s := b.srv.cluster.holdings.shapeOf(text, sd)
	b.prepared[text] = s
	return s, nil
}

func (b *backend) deallocate(ctx context.Context, text string) error {
	err := b.pg.Deallocate(ctx, text)
	if err == nil {
		delete(b.prepared, text)
	}
	return err
}

// deallocateAll drops everything that is prepared on the connection, and all that is known of it here and in pgx.
func (b *backend) deallocateAll(ctx context.Context) error {
	clear(b.prepared)
	return b.pg.DeallocateAll(ctx)
}

// dropsPrepared says whether the text at hand takes from the server what pgx and we have prepared there.
func (c *Conn) dropsPrepared() bool {
	return c.st.Pin&statement.PinPrepare != 0 && (c.st.Kind == statement.Deallocate || c.st.Kind == statement.Discard)
}

// forgetPrepared has pgx forget what the server has dropped, before a statement asks for it. In a transaction that would be
// the end of it.
func (b *backend) forgetPrepared() {
	ctx, cancel := context.WithTimeout(b.srv.cluster.life, b.srv.pingTimeout())
	defer cancel()
	b.deallocateAll(ctx)
}

// ready sees to it that a statement runs as plain pgx would run it: prepared if its Conn holds a Stmt of the text (p), else
// as the exec mode says. An error means that the statement was not sent.
func (b *backend) ready(ctx context.Context, text string, args []driver.NamedValue, p *prepared) error {
	b.unsent = false
	if b.pg == nil || text == "" || p == nil && len(b.prepared) == 0 {
		return nil
	}
	known := b.prepared[text]
	var err error
	switch {
	case p == nil && (known == nil || b.txStatus() == 'I' && b.cachesStatements(args)):
	case p == nil:
		// Others have prepared it, and pgx would take that for this Conn's.
		err = b.deallocate(ctx, text)
	case known == nil || known != p.shape:
		var s *shape
		if s, err = b.prepare(ctx, text); err == nil {
			p.shape = s
		}
	}
	b.unsent = err != nil
	return err
}

// cachesStatements says whether pgx itself would prepare a statement with these arguments.
func (b *backend) cachesStatements(args []driver.NamedValue) bool {
	for _, arg := range args {
		switch mode := arg.Value.(type) {
		case pgx.QueryExecMode:
			return mode == pgx.QueryExecModeCacheStatement
		case pgx.QueryResultFormats, pgx.QueryResultFormatsByOID, pgx.QueryRewriter:
			continue
		}
		break
	}
	if b.mode == 0 {
		b.mode = b.pg.Config().DefaultQueryExecMode
	}
	return b.mode == pgx.QueryExecModeCacheStatement
}

// outdated says whether an error means that the server no longer has what we or pgx have prepared, or has refused its plan
// because the schema has changed. Nothing was executed then, and what was prepared is forgotten: the statement may run again.
func (b *backend) outdated(ctx context.Context, err error, text string) bool {
	stale := stalePlan(err)
	if !stale && !lostStatement(err) || b.closed() {
		return false
	}
	if c := b.srv.cluster; stale && b.plans == c.schema.Load() {
		c.schemaChanged() // by another process, and other connections have such plans, too
	}
	if b.txStatus() != 'I' {
		return false
	}
	return b.prepared[text] == nil || b.deallocate(ctx, text) == nil
}
