package pgsplit

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
)

// How a backend runs a statement: by pgx, or by whatever interfaces another driver's connection offers.

// exec and query run a statement; p is what its Conn has prepared of it. One that a schema change, or the loss of what was
// prepared, has overtaken runs again, if it may be repeated; nothing has been executed then.
func (b *backend) exec(ctx context.Context, query string, args []driver.NamedValue, p *prepared, repeatable bool) (driver.Result, error) {
	res, err := b.execOnce(ctx, query, args, p)
	if err != nil && repeatable && b.outdated(ctx, err, query) {
		return b.execOnce(ctx, query, args, p)
	}
	return res, err
}

func (b *backend) query(ctx context.Context, query string, args []driver.NamedValue, p *prepared, repeatable bool) (driver.Rows, error) {
	rows, err := b.queryOnce(ctx, query, args, p)
	if err != nil && repeatable && b.outdated(ctx, err, query) {
		return b.queryOnce(ctx, query, args, p)
	}
	return rows, err
}

// values converts arguments as database/sql does for a driver that is not pgx, which takes any Go value.
func (b *backend) values(args []driver.NamedValue) ([]driver.NamedValue, error) {
	if b.pg != nil || len(args) == 0 {
		return args, nil
	}
	checker, _ := b.dc.(driver.NamedValueChecker)
	converted := make([]driver.NamedValue, 0, len(args))
	for _, arg := range args {
		err := driver.ErrSkip
		if checker != nil {
			err = checker.CheckNamedValue(&arg)
		}
		switch err {
		case driver.ErrSkip:
			if arg.Value, err = driver.DefaultParameterConverter.ConvertValue(arg.Value); err != nil {
				return nil, fmt.Errorf("sql: converting argument $%d type: %w", arg.Ordinal, err)
			}
		case driver.ErrRemoveArgument:
			continue
		case nil:
		default:
			return nil, err
		}
		converted = append(converted, arg)
	}
	return converted, nil
}

func (b *backend) execOnce(ctx context.Context, query string, args []driver.NamedValue, p *prepared) (driver.Result, error) {
	args, err := b.values(args)
	if err != nil {
		return nil, err
	}
	if err := b.ready(ctx, query, args, p); err != nil {
		return nil, err
	}
	if b.execer != nil && (p == nil || b.pg != nil) {
		open, status := b.open(), b.txStatus()
		res, err := b.execer.ExecContext(ctx, query, args)
		if err != nil {
			err = b.sent(ctx, open, status, err)
		}
		return res, err
	}
	st, err := b.prepareOther(ctx, query)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	if s, ok := st.(driver.StmtExecContext); ok {
		return s.ExecContext(ctx, args)
	}
	return nil, errors.New("pgsplit: the connector's statements lack ExecContext")
}

func (b *backend) queryOnce(ctx context.Context, query string, args []driver.NamedValue, p *prepared) (driver.Rows, error) {
	args, err := b.values(args)
	if err != nil {
		return nil, err
	}
	if err := b.ready(ctx, query, args, p); err != nil {
		return nil, err
	}
	if b.queryer != nil && (p == nil || b.pg != nil) {
		open, status := b.open(), b.txStatus()
		rows, err := b.queryer.QueryContext(ctx, query, args)
		if err != nil {
			err = b.sent(ctx, open, status, err)
		}
		return rows, err
	}
	st, err := b.prepareOther(ctx, query)
	if err != nil {
		return nil, err
	}
	s, ok := st.(driver.StmtQueryContext)
	if !ok {
		st.Close()
		return nil, errors.New("pgsplit: the connector's statements lack QueryContext")
	}
	rows, err := s.QueryContext(ctx, args)
	if err != nil {
		st.Close()
		return nil, err
	}
	return &stmtRows{Rows: rows, stmt: st}, nil
}

// stmtRows are rows of a driver that runs queries through statements only: the statement ends with them.
type stmtRows struct {
	driver.Rows
	stmt driver.Stmt
}

func (r *stmtRows) Close() error { return errors.Join(r.Rows.Close(), r.stmt.Close()) }

// describe validates a text as Prepare does, and notes how many parameters it has.
func (b *backend) describe(ctx context.Context, p *prepared) error {
	if b.pg != nil {
		s, err := b.parse(ctx, p.text)
		if err == nil {
			p.shape, p.params = s, len(s.params)
		}
		return err
	}
	st, err := b.prepareOther(ctx, p.text)
	if err != nil {
		return err
	}
	defer st.Close()
	p.params = st.NumInput()
	return nil
}

func (b *backend) prepareOther(ctx context.Context, query string) (driver.Stmt, error) {
	if p, ok := b.dc.(driver.ConnPrepareContext); ok {
		return p.PrepareContext(ctx, query)
	}
	return b.dc.Prepare(query)
}

func (b *backend) begin(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	var tx driver.Tx
	var err error
	if bt, ok := b.dc.(driver.ConnBeginTx); ok {
		tx, err = bt.BeginTx(ctx, opts)
	} else {
		tx, err = b.dc.Begin() //nolint:staticcheck // the last resort that database/sql itself uses
	}
	b.inTx = err == nil
	return tx, err
}

func (b *backend) ping(ctx context.Context) error {
	if p, ok := b.dc.(driver.Pinger); ok {
		return p.Ping(ctx)
	}
	return nil
}

// open says whether pgx will send a statement over the connection.
func (b *backend) open() bool { return b.pg != nil && !b.pg.IsClosed() && !b.pg.PgConn().IsBusy() }

// errLost is the error of a statement that was sent over a connection that is lost.
var errLost = errors.New("pgsplit: the connection was lost while the statement ran; nobody knows whether it took effect")

// errLostInTx is the same in a transaction. There pgx's word does no harm, since nothing is repeated: the application gets it.
var errLostInTx error = lostInTx{driver.ErrBadConn}

type lostInTx struct{ error }

func (l lostInTx) Unwrap() error { return l.error }

// sent corrects pgx's word for an error; open and status are of before the statement. When a connection breaks before the first
// answer to a statement of the simple protocol (all without arguments are), pgx 5.12 finds the connection closed as it reads
// on, and says that nothing was sent, as ErrBadConn: database/sql would run the statement once more. It says so in truth only
// where the connection was not open to begin with.
func (b *backend) sent(ctx context.Context, open bool, status byte, err error) error {
	switch {
	case !open || err != driver.ErrBadConn || !b.pg.IsClosed():
		return err
	case status != 'I':
		return errLostInTx
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return errLost
}
