package catalog

// graph has a node for whatever a text can use, and an edge from each to what it uses in turn. What an object does is
// what all the nodes do that can be reached from it.
type graph struct {
	nodes []node
	ids   map[nodeKey]nodeID
}

type nodeID int32

const none nodeID = -1

// nodeKey is a use of an object of the server.
type nodeKey struct {
	use use
	oid uint32
}

// use is the way in which an object is used; the letters stand in the queries too.
type use byte

const (
	useRead     use = 'r' // a relation is read
	useWrite    use = 'w' // a relation is written by INSERT or UPDATE
	useDelete   use = 'd' // a relation is written in any way: with what follows rows that are deleted
	useRow      use = 'R' // a value becomes a row of a relation's type
	useFunction use = 'f' // a function is called
	useOperator use = 'o'
	useType     use = 't' // a value of the type is at hand: its operators and casts may be used on it
	useCoercion use = 'c' // a value becomes one of the type: a domain's constraints are checked
	useEvent    use = 'e' // DDL
	useAny      use = 'a' // any expression
)

type node struct {
	kind   string // "function"
	schema string
	name   string
	marks  marks
	cause  string // what keeps it from standbys
	stays  string // what leaves something in the session
	edges  []nodeID
	sealed bool // what it uses is of no account
}

// add makes a node, or returns the one that is there.
func (g *graph) add(u use, oid uint32, kind, schema, name string) nodeID {
	key := nodeKey{u, oid}
	if id, ok := g.ids[key]; ok {
		return id
	}
	id := nodeID(len(g.nodes))
	g.nodes = append(g.nodes, node{kind: kind, schema: schema, name: name})
	g.ids[key] = id
	return id
}

// label is what an object is called in a cause: "function public.f".
func (n *node) label() string {
	if n.schema == "" {
		return n.kind + " " + n.name
	}
	return n.kind + " " + n.schema + "." + n.name
}

func (g *graph) find(u use, oid uint32) nodeID {
	if id, ok := g.ids[nodeKey{u, oid}]; ok {
		return id
	}
	return none
}

// connect says that one node uses another. Objects that are not in the graph have nothing to say.
func (g *graph) connect(from, to nodeID) {
	if from == none || to == none || from == to || g.nodes[from].sealed {
		return
	}
	n := &g.nodes[from]
	n.edges = append(n.edges, to)
}

// mark adds to what a node does by itself; what follows its label says why.
func (g *graph) mark(id nodeID, m marks, why string) {
	n := &g.nodes[id]
	if m == 0 || n.sealed {
		return
	}
	cause := n.label() + " " + why
	n.take(m, cause, cause)
}

// take adds marks, and keeps the first cause of each sort.
func (n *node) take(m marks, cause, stays string) {
	if n.cause == "" && m.unfit() {
		n.cause = cause
	}
	if n.stays == "" && m&staying != 0 {
		n.stays = stays
	}
	n.marks |= m
}

// spread carries the marks of each node to all that use it.
func (g *graph) spread() {
	users := g.users()
	var work []nodeID
	queued := make([]bool, len(g.nodes))
	for id := range g.nodes {
		if g.nodes[id].marks != 0 {
			work = append(work, nodeID(id))
			queued[id] = true
		}
	}
	for len(work) > 0 {
		id := work[len(work)-1]
		work = work[:len(work)-1]
		queued[id] = false
		from := &g.nodes[id]
		for _, user := range users[id] {
			n := &g.nodes[user]
			if from.marks&^n.marks == 0 {
				continue
			}
			n.take(from.marks, from.cause, from.stays)
			if !queued[user] {
				work = append(work, user)
				queued[user] = true
			}
		}
	}
}

// users are the edges the other way round.
func (g *graph) users() [][]nodeID {
	counts := make([]int32, len(g.nodes))
	total := 0
	for i := range g.nodes {
		for _, to := range g.nodes[i].edges {
			counts[to]++
			total++
		}
	}
	all := make([]nodeID, 0, total)
	users := make([][]nodeID, len(g.nodes))
	for i, n := range counts {
		users[i] = all[len(all) : len(all) : len(all)+int(n)]
		all = all[:len(all)+int(n)]
	}
	for i := range g.nodes {
		for _, to := range g.nodes[i].edges {
			users[to] = append(users[to], nodeID(i))
		}
	}
	return users
}
