package pgsplit

import (
	"slices"

	"github.com/pgsplit/pgsplit/internal/statement"
)

// Explanation says where a text would go, and why, if it were the first Query on a connection, outside a transaction.
type Explanation struct {
	Target    Role     // RoleReplica or RolePrimary
	Reason    Reason   // ReasonReplica, or why the primary
	Relations []string // the relations that the text names, each once, with their schema where it is given
	Functions []string // the functions that it calls, likewise
}

// Explain says where a text would go: by what it says, by what is known of the functions and relations that it names, by
// what replicas have refused, and by whether replica reads are on. It does not look at the present health or lag of the
// replicas, and contacts no server. On a handle with a single server everything goes to the primary: what would be a read
// for a replica has ReasonNoReplica; the catalog counts once LoadCatalog has read it.
func (c *Cluster) Explain(sql string) Explanation {
	conn := newConn(c)
	conn.analyze(sql)
	if k := c.definitions.current.Load(); k != nil && len(c.servers) == 1 {
		conn.judge(sql, k.catalog)
	}
	e := explanation(conn.st)
	if e.Reason = conn.route(conn.st, noDirectives); e.Reason == ReasonReplica && conn.refused(sql) {
		e.Reason = ReasonRefused
	}
	if e.Reason == ReasonReplica {
		e.Target = RoleReplica
	}
	return e
}

// Explain says where a text would go as far as the text and PostgreSQL's built-in functions tell, without any server:
// functions of one's own are unknown, views are taken for tables.
func Explain(sql string) Explanation {
	var st statement.Analysis
	st.Analyze(sql)
	e := explanation(&st)
	switch {
	case st.Hint == statement.HintPrimary:
		e.Reason = ReasonForced
	case st.Read():
		e.Target = RoleReplica
	default:
		e.Reason = reasonOf(&st)
	}
	return e
}

func explanation(st *statement.Analysis) Explanation {
	return Explanation{Target: RolePrimary, Relations: names(st.Relations()), Functions: names(st.Functions())}
}

// names returns each name once, in the order of the text.
func names(all []statement.Name) []string {
	out := []string{}
	for _, n := range all {
		name := n.Name
		if n.Schema != "" {
			name = n.Schema + "." + name
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}
