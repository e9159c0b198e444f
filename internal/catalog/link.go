package catalog

import "strings"

// readBodies connects functions with what their bodies name, as far as it is there: PostgreSQL looks the names up when
// the function runs, and what comes later changes the fingerprint.
func (b *builder) readBodies() {
	var text body
	for _, f := range b.bodies {
		text.read(f.text, f.plpg)
		b.mark(f.node, text.marks, text.why)
		for _, c := range text.calls {
			if c.schema == "" || c.schema == "pg_catalog" {
				b.mark(f.node, b.builtins.function(c.name, c.local), "calls "+c.name)
			}
			b.connectAll(f.node, b.functions[c.name], c.schema)
		}
		for n := range text.relations {
			for _, id := range b.relations[n.name] {
				if n.schema != "" && n.schema != b.nodes[id].schema {
					continue
				}
				if text.writes && f.writes {
					id += asDeleted
				}
				b.connect(f.node, id)
			}
		}
		for name := range text.rows {
			for _, id := range b.relations[name] {
				b.connect(f.node, id+asRow)
			}
		}
		for name := range text.names {
			b.connectAll(f.node, b.types[name], "")
			b.connectAll(f.node, b.types[strings.TrimPrefix(name, "_")], "")
		}
		for name := range text.members {
			b.mark(f.node, b.builtins.function(name, false), "calls "+name)
			b.connectAll(f.node, b.members[name], "")
			b.connectAll(f.node, b.scalars[name], "")
		}
		for name := range text.operators {
			b.connectAll(f.node, b.operators[name], "")
		}
		if text.defines {
			b.connect(f.node, b.event)
			b.mark(f.node, writesAny, "changes definitions")
		}
	}
}

// connectAll connects a node with objects of one name, in one schema if the name says so.
func (b *builder) connectAll(from nodeID, to []nodeID, schema string) {
	for _, id := range to {
		if schema == "" || schema == b.nodes[id].schema {
			b.connect(from, id)
		}
	}
}
