package catalog

import (
	"cmp"
	"slices"
)

// catalog makes the tables that texts are judged by, once all rows are taken.
func (b *builder) catalog() *Catalog {
	b.readBodies()
	b.spread()
	c := &Catalog{
		loaded:      true,
		fingerprint: b.fingerprint,
		relations:   make(map[string]*relation, len(b.relations)),
		functions:   make(map[string]*object, len(b.functions)),
		operators:   make(map[string]*object, len(b.operators)),
		types:       make(map[string]*object, len(b.types)),
		shadows:     map[string]*object{},
		attributes:  map[string]*object{},
		scalars:     map[string]*object{},
		definition:  b.object(nil, []nodeID{b.event}),
	}
	r := b.newReacher()
	for name, nodes := range b.relations {
		c.relations[name] = b.relation(r, nodes)
	}
	for name, nodes := range b.functions {
		o := b.object(r, nodes)
		c.functions[name] = o
		if o != fit && b.builtins.isFunction(name) {
			c.shadows[name] = o
		}
	}
	for name, nodes := range b.members {
		if o := b.object(r, nodes); o != fit {
			c.attributes[name] = o
		}
	}
	for name, nodes := range b.scalars {
		if o := b.object(r, slices.Concat(nodes, b.types[name])); o != fit {
			c.scalars[name] = o
		}
	}
	for name, nodes := range b.operators {
		c.operators[name] = b.object(r, nodes)
	}
	for name, nodes := range b.types {
		o := b.object(r, nodes)
		c.types[name] = o
		if o != fit && b.scalars[name] == nil {
			c.scalars[name] = o
		}
	}
	for name, nodes := range b.relations {
		// Row types mostly do no more than their relations, which are asked next.
		rows := make([]nodeID, len(nodes))
		more := false
		for i, id := range nodes {
			rows[i] = id + asRow
			more = more || b.nodes[rows[i]].marks != b.nodes[id].marks
		}
		if more {
			c.types[name] = b.object(r, append(rows, b.types[name]...))
		}
	}
	if o := b.object(r, []nodeID{b.any}); o != fit {
		c.everywhere = o
	}
	c.declare(b.declared)
	return c
}

// fit is every function, operator and type that has no effect, reads no relation and writes none.
var fit = new(object)

func (b *builder) object(r *reacher, nodes []nodeID) *object {
	o := object{effect: b.effect(nodes, effective)}
	if r != nil {
		o.reads = r.from(nodes, r.reads, readsAny)
		o.writes = r.from(nodes, r.writes, writesAny)
	}
	if o.effect == nil && o.reads.empty() && o.writes.empty() {
		return fit
	}
	return &o
}

func (r reach) empty() bool { return !r.any && len(r.names) == 0 }

// relation is what reading and writing the relations of one name does. That a write keeps a text from standbys is known
// without the catalog, so only what it leaves in the session counts.
func (b *builder) relation(r *reacher, nodes []nodeID) *relation {
	writes, deletes := make([]nodeID, len(nodes)), make([]nodeID, len(nodes))
	for i, id := range nodes {
		writes[i], deletes[i] = id+asWritten, id+asDeleted
	}
	return &relation{
		read: object{
			effect: b.effect(nodes, effective),
			reads:  r.from(nodes, r.reads, readsAny),
			writes: r.from(nodes, r.writes, writesAny),
		},
		write: object{
			effect: b.effect(deletes, staying),
			reads:  r.from(deletes, r.reads, readsAny),
			writes: r.from(deletes, r.writes, writesAny),
		},
		put:   r.from(writes, r.writes, writesAny),
		calls: slices.ContainsFunc(nodes, func(id nodeID) bool { return b.nodes[id].marks&calls != 0 }),
	}
}

// effect is what the nodes do taken together, of the marks that matter.
func (b *builder) effect(nodes []nodeID, matter marks) *effect {
	var all marks
	cause, stays := "", ""
	for _, id := range nodes {
		n := &b.nodes[id]
		all |= n.marks & matter
		cause, stays = cmp.Or(cause, n.cause), cmp.Or(stays, n.stays)
	}
	if all == 0 {
		return nil
	}
	if !all.unfit() {
		cause = stays
	}
	return &effect{flags: all.flags(), pin: all.pin(), opaque: all&opaque != 0, cause: cause}
}
