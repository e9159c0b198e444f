package catalog

import "slices"

// reach is a set of relations, by bare name. All partitions of a table, and all tables that inherit from one another,
// go by the name of one of them, since what is written to one may be read from another.
type reach struct {
	names []string
	any   bool // any relation: it cannot be told, or there are too many
}

// mostNames bounds the work of comparing what is written with what is read.
const mostNames = 256

// reacher finds the relations that can be reached from a node.
type reacher struct {
	*graph
	reads, writes []string // by node: the relation whose rows it reads or writes

	visited []int32
	visit   int32
	work    []nodeID
}

func (b *builder) newReacher() *reacher {
	r := &reacher{
		graph:   &b.graph,
		reads:   make([]string, len(b.nodes)),
		writes:  make([]string, len(b.nodes)),
		visited: make([]int32, len(b.nodes)),
	}
	families := b.families()
	for _, n := range b.names {
		if n.stored {
			name := families.of(n.name)
			r.reads[n.node], r.writes[n.node+asWritten] = name, name
		}
	}
	return r
}

// from is everything that the nodes reach which names has a name for.
func (r *reacher) from(nodes []nodeID, names []string, any marks) reach {
	r.visit++
	r.work = r.work[:0]
	var found reach
	push := func(id nodeID) {
		if r.visited[id] != r.visit {
			r.visited[id] = r.visit
			r.work = append(r.work, id)
		}
	}
	for _, id := range nodes {
		if r.nodes[id].marks&any != 0 {
			return reach{any: true}
		}
		push(id)
	}
	for len(r.work) > 0 {
		id := r.work[len(r.work)-1]
		r.work = r.work[:len(r.work)-1]
		if name := names[id]; name != "" && !slices.Contains(found.names, name) {
			if found.names = append(found.names, name); len(found.names) > mostNames {
				return reach{any: true}
			}
		}
		for _, to := range r.nodes[id].edges {
			push(to)
		}
	}
	return found
}

// families are relations that share rows, by bare name: each is called by one of its members.
type families map[string]string

func (b *builder) families() families {
	f := families{}
	if len(b.children) == 0 {
		return f
	}
	names := make(map[nodeID]string, len(b.names))
	for _, n := range b.names {
		names[n.node] = n.name
	}
	for _, pair := range b.children {
		parent, child := f.of(names[pair[0]]), f.of(names[pair[1]])
		if parent != child {
			f[child] = parent
		}
	}
	return f
}

func (f families) of(name string) string {
	for {
		up, ok := f[name]
		if !ok {
			return name
		}
		// Halving the path keeps it short.
		if top, ok := f[up]; ok {
			f[name] = top
		}
		name = up
	}
}
