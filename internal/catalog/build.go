package catalog

import "github.com/pgsplit/pgsplit/internal/statement"

// builder makes a catalog of the rows of a snapshot, which come in the order of the queries.
type builder struct {
	graph
	builtins     builtins
	safe, unsafe declarations
	declared     Declared
	fingerprint  string

	// The nodes by the bare names of their objects. Of relations they are those that are read.
	relations map[string][]nodeID
	functions map[string][]nodeID
	members   map[string][]nodeID // functions that can be called as row.name
	scalars   map[string][]nodeID // functions that can be called as (value).name
	operators map[string][]nodeID
	types     map[string][]nodeID

	names    []relationName // by node, of those that are read
	bodies   []functionBody
	writers  map[nodeID]bool // functions of which PostgreSQL has parsed a body that writes
	children [][2]nodeID

	event, any nodeID
}

// A relation has four nodes: the one that is read, and after it those that stand for writing it, and for making a row
// of its type.
const (
	asWritten nodeID = 1 + iota
	asRow
	asDeleted
)

type relationName struct {
	node   nodeID
	name   string
	stored bool // it holds rows
}

type functionBody struct {
	node   nodeID
	text   string
	plpg   bool
	writes bool // it may: PostgreSQL refuses statements that write in a function that is not volatile
}

func newBuilder(d Declared) *builder {
	b := &builder{
		graph:     graph{ids: make(map[nodeKey]nodeID, 1024), nodes: make([]node, 0, 1024)},
		builtins:  builtins{functions: map[string]marks{}},
		safe:      newDeclarations(d.Safe),
		unsafe:    newDeclarations(d.Unsafe),
		declared:  d,
		relations: map[string][]nodeID{},
		functions: map[string][]nodeID{},
		members:   map[string][]nodeID{},
		scalars:   map[string][]nodeID{},
		operators: map[string][]nodeID{},
		types:     map[string][]nodeID{},
		writers:   map[nodeID]bool{},
	}
	b.event = b.add(useEvent, 0, "", "", "DDL")
	b.any = b.add(useAny, 0, "", "", "any expression")
	return b
}

// taker returns what takes the rows of the result whose first column has that name.
func (b *builder) taker(name string) func(row) error {
	switch name {
	case "relation":
		return b.takeRelation
	case "function":
		return b.takeFunction
	case "type":
		return b.takeType
	case "operator":
		return b.takeOperator
	case "edge":
		return b.takeEdge
	case "tree":
		return b.takeTree
	case "fingerprint":
		return func(r row) error {
			b.fingerprint = r.text(0)
			return nil
		}
	}
	return nil
}

func (b *builder) takeRelation(r row) error {
	oid, err := r.oid(0)
	if err != nil {
		return err
	}
	rowType, err := r.oid(5)
	if err != nil {
		return err
	}
	schema, name, kind := r.text(1), r.text(2), r.byte(3)
	read := b.add(useRead, oid, relationKinds[kind], schema, name)
	write := b.add(useWrite, oid, relationKinds[kind], schema, name)
	row := b.add(useRow, oid, relationKinds[kind], schema, name)
	gone := b.add(useDelete, oid, relationKinds[kind], schema, name)
	b.connect(write, read)
	b.connect(row, read)
	b.connect(gone, write)
	if rowType != 0 {
		b.ids[nodeKey{useType, rowType}] = read
		b.ids[nodeKey{useCoercion, rowType}] = row
	}
	if kind == 'v' {
		b.nodes[read].marks |= calls // or may be replaced by one that does
	}
	switch {
	case schema == "information_schema":
		b.mark(read, b.builtins.relation(schema, name), "is of the system catalog")
		return nil // not found by its bare name
	case schema == "pg_catalog":
		b.mark(read, b.builtins.relation(schema, name), "is of the system catalog")
	case kind == 'c':
		b.types[name] = append(b.types[name], row)
		return nil
	case kind == 'S':
		b.mark(read, flagMarks(statement.ServerLocal), "is read like a table")
	case kind == 'f':
		b.mark(read, flagMarks(statement.ServerLocal), "is foreign")
	case r.byte(4) == 'u':
		b.mark(read, flagMarks(statement.ServerLocal), "is unlogged")
	}
	b.relations[name] = append(b.relations[name], read)
	b.names = append(b.names, relationName{read, name, kind != 'v' && kind != 'S'})
	return nil
}

var relationKinds = map[byte]string{
	'r': "table", 'p': "table", 'v': "view", 'm': "materialized view", 'f': "table", 'S': "sequence", 'c': "type",
}

func (b *builder) takeFunction(r row) error {
	oid, err := r.oid(0)
	if err != nil {
		return err
	}
	schema, name, kind, volatility, language := r.text(1), r.text(2), r.byte(3), r.text(4), r.text(5)
	id := b.add(useFunction, oid, functionKinds[kind], schema, name)
	b.functions[name] = append(b.functions[name], id)
	switch r.byte(7) {
	case 'r':
		b.members[name] = append(b.members[name], id)
	case 's':
		b.scalars[name] = append(b.scalars[name], id)
	}
	if b.unsafe.has(schema, name) {
		b.mark(id, volatile, declaredUnsafe)
	} else if b.safe.has(schema, name) {
		b.nodes[id].sealed = true
		return nil
	}
	b.nodes[id].marks |= calls
	b.writers[id] = r.is(9)
	switch {
	case kind == 'a': // does what its parts do
	case language == "c":
		m, why := extensionMarks(r.text(6), name, volatility)
		b.mark(id, m, why)
	case language == "internal" && volatility != "v":
	case language == "sql" || language == "plpgsql":
		if volatility == "v" {
			b.mark(id, volatile, "is volatile")
		}
		b.bodies = append(b.bodies, functionBody{id, r.text(8), language == "plpgsql", volatility == "v"})
	default:
		b.mark(id, unreadable, "is in "+language)
	}
	return nil
}

var functionKinds = map[byte]string{'f': "function", 'p': "procedure", 'a': "aggregate", 'w': "window function"}

func (b *builder) takeType(r row) error {
	oid, err := r.oid(0)
	if err != nil {
		return err
	}
	schema, name := r.text(1), r.text(2)
	at := b.add(useType, oid, "type", schema, name)
	coercion := b.add(useCoercion, oid, "type", schema, name)
	b.connect(coercion, at)
	b.types[name] = append(b.types[name], coercion)
	return nil
}

// takeOperator takes an operator, or a cast. One that hides behind a name or sign that package statement takes for
// built-in, or behind none, belongs to its types, since only values of these can lead to it.
func (b *builder) takeOperator(r row) error {
	var oids [4]uint32
	for i := range oids {
		column := i
		if i > 0 {
			column++
		}
		var err error
		if oids[i], err = r.oid(column); err != nil {
			return err
		}
	}
	function := b.find(useFunction, oids[1])
	name := r.text(1)
	if name != "" {
		id := b.add(useOperator, oids[0], "operator", "", name)
		b.connect(id, function)
		if function == none {
			function = id // a built-in function, see takeTree
		}
		b.operators[name] = append(b.operators[name], id)
		if !b.builtins.isOperator(name) {
			return nil
		}
	}
	left, right := b.find(useType, oids[2]), b.find(useType, oids[3])
	if left == none && right == none {
		b.connect(b.any, function)
	}
	b.connect(left, function)
	b.connect(right, function)
	return nil
}

func (b *builder) takeEdge(r row) error {
	from, err := r.oid(1)
	if err != nil {
		return err
	}
	to, err := r.oid(3)
	if err != nil {
		return err
	}
	by, what := use(r.byte(0)), use(r.byte(2))
	switch by {
	case 'v', 'i':
		target, source := b.find(useRead, to), b.find(useRead, from)
		if what == useRead && target != none && source != none {
			b.connect(source+asWritten, target+asWritten)
			b.connect(source+asDeleted, target+asDeleted)
			if by == 'i' {
				// A row that moves to another partition is deleted from its own.
				b.connect(source+asWritten, source+asDeleted)
				b.connect(target+asWritten, target+asDeleted)
				b.children = append(b.children, [2]nodeID{source, target})
			}
		}
		by = useRead
	case useFunction:
		if what == useRead && b.writers[b.find(useFunction, from)] {
			what = useDelete
		}
	}
	b.connect(b.find(by, from), b.find(what, to))
	if what == useType && by == useRead {
		// Reading a domain's values checks nothing, writing them does.
		b.connect(b.find(useWrite, from), b.find(useCoercion, to))
		b.connect(b.find(useRow, from), b.find(useCoercion, to))
	}
	return nil
}

// takeTree takes what an expression uses of what is built in.
func (b *builder) takeTree(r row) error {
	oid, err := r.oid(1)
	if err != nil {
		return err
	}
	id := b.find(use(r.byte(0)), oid)
	if id == none {
		return nil
	}
	name := r.text(3)
	switch r.byte(2) {
	case 'b':
		b.mark(id, b.builtins.function(name, false), "calls "+name)
	case 's':
		oid, err := r.oid(3)
		if err != nil {
			return err
		}
		b.connect(id, b.find(useRead, oid))
	case 'l':
		b.mark(id, flagMarks(statement.Locks), "locks rows")
	}
	return nil
}
