package catalog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Load takes a snapshot of the catalog of the database that conn is connected to, primary or standby. Any role may. It
// is one text in the simple protocol, in a transaction of its own: conn must not be in one, and is left as it was,
// except after an error in the network.
func Load(ctx context.Context, conn *pgconn.PgConn, declared Declared) (*Catalog, error) {
	c, err := load(ctx, conn, declared)
	if err != nil {
		return nil, fmt.Errorf("load catalog: %w", err)
	}
	return c, nil
}

func load(ctx context.Context, conn *pgconn.PgConn, declared Declared) (*Catalog, error) {
	if conn.TxStatus() != 'I' {
		return nil, errors.New("the connection is in a transaction")
	}
	b := newBuilder(declared)
	results := conn.Exec(ctx, snapshotText(conn.ParameterStatus("server_version")))
	var failed error
	for results.NextResult() {
		r := results.ResultReader()
		var take func(row) error
		if fields := r.FieldDescriptions(); len(fields) > 0 {
			take = b.taker(fields[0].Name)
		}
		for r.NextRow() {
			if take != nil && failed == nil {
				failed = take(r.Values())
			}
		}
	}
	err := errors.Join(results.Close(), failed)
	if conn.TxStatus() != 'I' && !conn.IsClosed() {
		rollback(ctx, conn)
	}
	if err != nil {
		return nil, err
	}
	if b.fingerprint == "" {
		return nil, errors.New("the server has not answered every question")
	}
	return b.catalog(), nil
}

// rollback leaves the connection without a transaction, or closed.
func rollback(ctx context.Context, conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if _, err := conn.Exec(ctx, "rollback").ReadAll(); err != nil {
		_ = conn.Close(ctx)
	}
}

// snapshotText is everything that is asked of a server of that version.
func snapshotText(version string) string {
	parsed := "null::text"
	if major(version) >= 14 {
		parsed = "p.prosqlbody::text"
	}
	return snapshotBegin + relationQuery + fmt.Sprintf(functionQuery, parsed) + typeQuery + operatorQuery + edgeQuery +
		fmt.Sprintf(treeQuery, parsed) + fingerprintQuery + ";\ncommit"
}

// major is the number before the first character that is no digit.
func major(version string) int {
	end := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(version)
	}
	n, _ := strconv.Atoi(version[:end])
	return n
}

// row is a row of a result in the text format.
type row [][]byte

func (r row) text(i int) string { return string(r[i]) }
func (r row) is(i int) bool     { return string(r[i]) == "t" }

func (r row) byte(i int) byte {
	if len(r[i]) == 0 {
		return 0
	}
	return r[i][0]
}

func (r row) oid(i int) (uint32, error) {
	n, err := strconv.ParseUint(string(r[i]), 10, 32)
	return uint32(n), err
}
