package memory

import (
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"
)

// The statements that a Server answers by itself.
const (
	Select = "select name from item where id = $1"
	Insert = "insert into entry (name) values ($1)"
)

// Name is the value that Select returns, whatever the argument.
const Name = "the name of an item"

// answer is what a server says of one statement, encoded.
type answer struct {
	parameters []byte // ParameterDescription
	columns    []byte // RowDescription or NoData
	result     []byte // DataRow, CommandComplete
}

// script holds the answers by text.
var script = map[string]*answer{
	Select: {
		parameters: encode(&pgproto3.ParameterDescription{ParameterOIDs: []uint32{pgtype.Int8OID}}),
		columns: encode(&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{
			{Name: []byte("name"), TableOID: 16385, TableAttributeNumber: 2, DataTypeOID: pgtype.TextOID, DataTypeSize: -1, TypeModifier: -1},
		}}),
		result: encode(&pgproto3.DataRow{Values: [][]byte{[]byte(Name)}}, &pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")}),
	},
	Insert: {
		parameters: encode(&pgproto3.ParameterDescription{ParameterOIDs: []uint32{pgtype.TextOID}}),
		columns:    encode(&pgproto3.NoData{}),
		result:     encode(&pgproto3.CommandComplete{CommandTag: []byte("INSERT 0 1")}),
	},
}

// ping is what pgx sends to a connection that has been idle for a second.
const ping = "-- ping"

// The rest of what a server says, encoded.
var (
	parseComplete = encode(&pgproto3.ParseComplete{})
	bindComplete  = encode(&pgproto3.BindComplete{})
	closeComplete = encode(&pgproto3.CloseComplete{})
	pong          = encode(&pgproto3.EmptyQueryResponse{}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
	ready         = encode(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	unscripted    = encode(&pgproto3.ErrorResponse{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: "0A000", Message: "not in the script"})
)

// welcome is the answer to a startup message.
func welcome(standby bool) []byte {
	hot := "off"
	if standby {
		hot = "on"
	}
	msgs := []pgproto3.BackendMessage{&pgproto3.AuthenticationOk{}}
	for _, p := range [][2]string{
		{"server_version", "15.0"}, {"client_encoding", "UTF8"}, {"standard_conforming_strings", "on"}, {"integer_datetimes", "on"},
		{"TimeZone", "UTC"}, {"DateStyle", "ISO, MDY"}, {"in_hot_standby", hot}, {"default_transaction_read_only", "off"},
	} {
		msgs = append(msgs, &pgproto3.ParameterStatus{Name: p[0], Value: p[1]})
	}
	return encode(append(msgs, &pgproto3.BackendKeyData{ProcessID: 1, SecretKey: make([]byte, 4)}, &pgproto3.ReadyForQuery{TxStatus: 'I'})...)
}

func encode(msgs ...pgproto3.BackendMessage) []byte {
	var b []byte
	for _, m := range msgs {
		var err error
		if b, err = m.Encode(b); err != nil {
			panic(err) // constants of this file
		}
	}
	return b
}
