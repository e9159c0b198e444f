package catalog

import "github.com/pgsplit/pgsplit/internal/statement"

// Reads appends the relations that a text's answer depends on: those that it names, closed over views, partitions and
// inheritance, policies, functions and types. They are bare names that mean something only beside those of Writes, and
// may come twice. If any is true the answer may depend on any relation, and the names do not matter.
func (c *Catalog) Reads(a *statement.Analysis, names []string) (_ []string, any bool) {
	const unknown = statement.NotUnderstood | statement.ReadsUnnamed | statement.Catalog
	if !c.Loaded() || a.Flags&unknown != 0 || a.Statements > 1 {
		return names, true
	}
	relations := a.Relations()
	for i := range relations {
		n := &relations[i]
		r := c.relations[n.Name]
		switch {
		case system(n.Schema):
		case r != nil && n.Write:
			names, any = r.write.reads.append(names, any)
		case r != nil:
			names, any = r.read.reads.append(names, any)
		case !n.CTE:
			any = true
		}
	}
	return c.used(a, names, any, false)
}

// Writes appends the relations that a text may change: those that it writes, closed over foreign-key actions, triggers,
// rules, views, partitions and inheritance, and those that its functions write. Materialized views change when they are
// refreshed. If any is true it may change any relation.
func (c *Catalog) Writes(a *statement.Analysis, names []string) (_ []string, any bool) {
	if !c.Loaded() || !tells(a) {
		const mayWrite = statement.Writes | statement.DDL | statement.NotUnderstood | statement.UnknownFunction
		return names, a.Flags&mayWrite != 0 || runs(a.Kind)
	}
	relations := a.Relations()
	puts := puts(a)
	for i := range relations {
		n := &relations[i]
		r := c.relations[n.Name]
		switch {
		case r == nil:
			any = any || n.Write && !n.CTE // else a temporary table, which no replica has
		case n.Write && puts:
			names, any = r.put.append(names, any)
		case n.Write:
			names, any = r.write.writes.append(names, any)
		default:
			names, any = r.read.writes.append(names, any)
		}
	}
	return c.used(a, names, any, true)
}

// Calls tells whether a read calls functions that are not built in, or may come to do so once views are replaced: those that it
// names, and those of the views, policies and types behind it. Should one of them be replaced, too, the read may come to write.
func (c *Catalog) Calls(a *statement.Analysis) bool {
	if len(a.Types()) > 0 {
		return true
	}
	for _, n := range a.Functions() {
		if n.Operator || n.Class == statement.ClassUnknown {
			return true
		}
	}
	for _, n := range a.Relations() {
		if r := c.relations[n.Name]; r != nil && r.calls && !system(n.Schema) {
			return true
		}
	}
	return false
}

// puts tells whether a text inserts or updates rows and deletes none: foreign keys go on deleting only from there.
func puts(a *statement.Analysis) bool {
	switch a.Kind {
	case statement.Insert, statement.Update, statement.Copy:
	default:
		return false
	}
	written := 0
	relations := a.Relations()
	for i := range relations {
		if relations[i].Write {
			written++
		}
	}
	return written == 1 // else a WITH query may delete
}

// runs tells whether a kind of statement executes what is not in its text.
func runs(k statement.Kind) bool {
	switch k {
	case statement.Do, statement.Call, statement.Execute, statement.Fetch, statement.Move, statement.CommitPrepared:
		return true
	}
	return false
}

// tells tells whether all that a text may write is named in it.
func tells(a *statement.Analysis) bool {
	if a.Flags&(statement.NotUnderstood|statement.DDL) != 0 || a.Statements > 1 {
		return false
	}
	switch a.Kind {
	case statement.Copy, statement.Maintain, statement.Notify:
		return true
	}
	return evaluates(a)
}

// used appends what the functions, operators and types of a text read or write.
func (c *Catalog) used(a *statement.Analysis, names []string, any, write bool) ([]string, bool) {
	functions := a.Functions()
	for i := range functions {
		n := &functions[i]
		var o *object
		switch {
		case n.Operator:
			o = c.operators[n.Name]
			any = any || o == nil
		case n.Class == statement.ClassUnknown:
			o = c.functions[n.Name]
			any = any || o == nil
		default:
			if n.Schema == "" {
				o = c.shadows[n.Name]
			}
			any = any || n.Class == statement.ClassText || write && n.Class == statement.ClassEffect && !writesNothing(n.Name)
		}
		names, any = o.append(names, any, write)
	}
	for _, n := range a.Types() {
		o := c.types[n.Name]
		if o == nil && c.relations[n.Name] == nil {
			any = true
		}
		names, any = o.append(names, any, write)
	}
	if len(c.attributes)+len(c.scalars) > 0 {
		for _, n := range a.Columns() {
			names, any = c.attributes[n.Name].append(names, any, write)
			if a.Scalar(n) {
				names, any = c.scalars[n.Name].append(names, any, write)
			}
		}
	}
	return c.everywhere.append(names, any, write)
}

// writesNothing tells of built-in functions that have an effect whether it is none on relations that a replica may be
// asked for.
func writesNothing(name string) bool {
	switch name {
	case "nextval", "setval", "pg_notify", "txid_current", "pg_current_xact_id":
		return true
	}
	return false
}

func (o *object) append(names []string, any, write bool) ([]string, bool) {
	switch {
	case o == nil:
		return names, any
	case write:
		return o.writes.append(names, any)
	}
	return o.reads.append(names, any)
}

func (r *reach) append(names []string, any bool) ([]string, bool) {
	return append(names, r.names...), any || r.any
}
