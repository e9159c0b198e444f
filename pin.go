package pgsplit

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/pgsplit/pgsplit/internal/broken"
	"github.com/pgsplit/pgsplit/internal/statement"
)

// PinReason is a kind of session state that ties a server connection to one driver connection: a connection that carries
// some is used by nobody else.
type PinReason uint8

// The kinds of session state. What a text leaves behind is told by what it says and, with several servers, by what the
// system catalog says of the functions, views and triggers behind it.
const (
	// PinSetting: SET, RESET, set_config that is not local, setseed, DISCARD ALL. It stays for as long as the driver
	// connection lives: no server can say whether a setting is what it was.
	PinSetting PinReason = iota
	// PinRole: SET ROLE, SET SESSION AUTHORIZATION. It stays, too.
	PinRole
	// PinAdvisoryLock: an advisory lock of the session, until it is unlocked as often as it was locked.
	PinAdvisoryLock
	// PinListen: LISTEN, until nothing is listened to.
	PinListen
	// PinPrepare: PREPARE, until the statements are deallocated.
	PinPrepare
	// PinTempTable: a temporary table, view, sequence or function, until they are dropped.
	PinTempTable
	// PinHoldCursor: a cursor WITH HOLD, until it is closed.
	PinHoldCursor
	// PinLoad: LOAD. It stays.
	PinLoad
	// PinUnknown: a text that runs what cannot be read (DO, EXECUTE, a function that executes texts it makes up) or that is
	// not understood. It stays.
	PinUnknown
	// PinDoubt: a text that names what the catalog did not have when it was last read. It stays until the catalog has been
	// read again and has the name; where it never does (a table dropped meanwhile), it stays.
	PinDoubt
	// PinRaw: the pgx connection was handed out through sql.Conn.Raw. It stays.
	PinRaw

	pinReasons
)

var pinNames = [pinReasons]string{
	PinSetting: "setting", PinRole: "role", PinAdvisoryLock: "advisory lock", PinListen: "listen", PinPrepare: "prepared statement",
	PinTempTable: "temporary table", PinHoldCursor: "cursor with hold", PinLoad: "loaded library", PinUnknown: "not readable",
	PinDoubt: "in doubt", PinRaw: "raw",
}

// pinBits are the bits that the reasons have in a statement.Pin.
var pinBits = [pinReasons]statement.Pin{
	PinSetting: statement.PinSetting, PinRole: statement.PinRole, PinAdvisoryLock: statement.PinAdvisoryLock,
	PinListen: statement.PinListen, PinPrepare: statement.PinPrepare, PinTempTable: statement.PinTempTable,
	PinHoldCursor: statement.PinHoldCursor, PinLoad: statement.PinLoad, PinUnknown: statement.PinUnknown,
	PinDoubt: pinDoubt, PinRaw: pinRaw,
}

// String returns the reason in a word or two.
func (r PinReason) String() string {
	if r < pinReasons {
		return pinNames[r]
	}
	return "invalid(" + strconv.Itoa(int(r)) + ")"
}

// MarshalText gives what String gives, so that a map by reason can be printed as JSON.
func (r PinReason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// carry notes session state that the connection carries from now on; shed, that some of it has been undone.
func (b *backend) carry(p statement.Pin) { b.repin(b.pin | p) }

func (b *backend) shed(p statement.Pin) { b.repin(b.pin &^ p) }

func (b *backend) repin(p statement.Pin) {
	changed := b.pin ^ p
	if changed == 0 || broken.Unpinned.Load() {
		return
	}
	step := func(before, after bool) int64 {
		switch {
		case after && !before:
			return 1
		case before && !after:
			return -1
		}
		return 0
	}
	b.srv.pinned.Add(step(b.pin != 0, p != 0))
	for r, bit := range pinBits {
		if changed&bit != 0 {
			b.srv.pinnedBy[r].Add(step(b.pin&bit != 0, p&bit != 0))
		}
	}
	b.pin = p
}

// provable is the session state of which a server tells whether there is any left.
const provable = statement.PinAdvisoryLock | statement.PinListen | statement.PinPrepare | statement.PinTempTable | statement.PinHoldCursor

// proofs are the conditions under which there is some. The names are qualified, as a search path of the application's own
// may lead elsewhere. Whatever is in the schema of temporary objects depends on that schema: by this PostgreSQL itself finds
// what it has to drop at the end of a session.
var proofs = []struct {
	pin       statement.Pin
	condition string
}{
	{statement.PinAdvisoryLock, "from pg_catalog.pg_locks where locktype operator(pg_catalog.=) 'advisory' and pid operator(pg_catalog.=) pg_catalog.pg_backend_pid()"},
	{statement.PinListen, "from pg_catalog.pg_listening_channels()"},
	{statement.PinPrepare, "from pg_catalog.pg_prepared_statements where from_sql"},
	{statement.PinTempTable, "from pg_catalog.pg_depend where refclassid operator(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass and refobjid operator(pg_catalog.=) pg_catalog.pg_my_temp_schema()"},
	{statement.PinHoldCursor, "from pg_catalog.pg_cursors where is_holdable"},
}

// proofTimeout bounds the question. A server that has not answered by then costs the connection, and so its state.
const proofTimeout = 5 * time.Second

// stir notes that the text at hand may have made or undone session state that the server can tell of: when the checkout
// ends it is asked. Locks may be taken again and again, be tried in vain, be released in a function; a transaction that is
// rolled back takes its LISTEN along. Only the server knows what came of all that.
func (b *backend) stir(st *statement.Analysis, pin statement.Pin) {
	const may = statement.Locks | statement.DDL | statement.SessionState | statement.TxControl | statement.UnknownFunction | statement.NotUnderstood
	if b.pin&provable != 0 && (pin != 0 || st.Flags&may != 0) {
		b.stirred = true
	}
}

// prove asks the server what is left of the session state of an idle connection, if it can tell and there is cause to ask.
func (b *backend) prove(ctx context.Context) {
	if !b.stirred || b.pg == nil || b.pin == 0 || b.pin&^provable != 0 || b.closed() || b.txStatus() != 'I' || b.pg.PgConn().IsBusy() {
		return
	}
	b.stirred = false
	sql := proofSQL(b.pin)
	ctx, cancel := context.WithTimeout(ctx, proofTimeout)
	defer cancel()
	values, err := row(ctx, b.pg.PgConn(), sql)
	if err != nil {
		return // it stays as it is
	}
	left, err := strconv.ParseUint(values[0], 10, 16)
	if err != nil {
		return
	}
	gone := b.pin &^ statement.Pin(left)
	if gone&(statement.PinTempTable|statement.PinPrepare) != 0 {
		b.plans = plansStale // plans that were made for what is gone must not reach others
	}
	if gone&statement.PinTempTable != 0 {
		b.temps = temporaries{}
	}
	b.shed(gone)
}

// proofSQL asks which bits of a pin there is still cause for.
func proofSQL(pin statement.Pin) string {
	var sql strings.Builder
	sql.WriteString("select 0")
	for _, p := range proofs {
		if pin&p.pin != 0 {
			sql.WriteString(" operator(pg_catalog.+) case when exists(select " + p.condition + ") then " + strconv.Itoa(int(p.pin)) + " else 0 end")
		}
	}
	return sql.String()
}
