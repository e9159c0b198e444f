package catalog

import "github.com/pgsplit/pgsplit/internal/statement"

// Verdict is what a text does on the server whose catalog was asked.
type Verdict struct {
	// Flags are the analysis's, without UnknownFunction if every name behind it is fit for a standby, with those that
	// relations, functions and types have added. What the catalog lacks adds UnknownFunction.
	Flags statement.Flags

	// Pin is the analysis's, without PinUnknown if everything behind it could be read, with what functions, triggers,
	// rules, defaults, constraints and policies leave in the session.
	Pin statement.Pin

	// Opaque says that PinUnknown is there because of a function that the catalog has and nobody can read: it executes
	// texts that it makes up, or is in a language that is not read here. Without it, PinUnknown means no more than that
	// something is unknown.
	Opaque bool

	// Unknown is the first name that the catalog lacks, "" if it has them all. The object may be newer than the catalog,
	// or a temporary one.
	Unknown string

	// Name is what, in the text, added the first flag, else the first pin, and Cause is what is behind it: "function
	// public.audit is volatile". Both are empty if the analysis stands as it is; Name also if no name is to blame.
	Name, Cause string
}

// absent is the Cause where there is an Unknown name.
const absent = "not in the catalog"

// Judge says what the analysed text does, by what the catalog has on the names in it. It allocates nothing.
func (c *Catalog) Judge(a *statement.Analysis) Verdict {
	v := Verdict{Flags: a.Flags, Pin: a.Pin}
	if c == nil {
		return v
	}
	c.judgeFunctions(a, &v)
	if !c.loaded {
		return v
	}
	c.judgeRelations(a, &v)
	for _, n := range a.Types() {
		c.judgeType(n, &v)
	}
	if len(c.attributes)+len(c.scalars) > 0 {
		for _, n := range a.Columns() {
			v.use(n.Name, c.attributes[n.Name])
			if a.Scalar(n) {
				v.use(n.Name, c.scalars[n.Name])
			}
		}
	}
	if a.Flags&statement.DDL != 0 {
		v.use("", c.definition)
	}
	if evaluates(a) {
		v.use("", c.everywhere)
	}
	return v
}

// judgeFunctions replaces UnknownFunction and PinUnknown by what the functions are known to do.
func (c *Catalog) judgeFunctions(a *statement.Analysis, v *Verdict) {
	resolved := false
	if a.Flags&statement.UnknownFunction != 0 {
		resolved = c.resolves(a)
		if resolved {
			v.Flags &^= statement.UnknownFunction
			// Elsewhere, DO and its like may have set it too.
			if a.Flags&statement.NotUnderstood == 0 && a.Statements == 1 && evaluates(a) {
				v.Pin &^= statement.PinUnknown
			}
		}
	}
	functions := a.Functions()
	for i := range functions {
		n := &functions[i]
		switch {
		case n.Operator:
			if o, ok := c.operators[n.Name]; ok {
				v.use(n.Name, o)
			} else if c.loaded {
				v.lacks(n.Name)
			}
		case n.Class != statement.ClassUnknown:
			if len(c.shadows) > 0 && n.Schema == "" {
				v.use(n.Name, c.shadows[n.Name])
			}
		default:
			if o, ok := c.functions[n.Name]; ok {
				v.use(n.Name, o)
			} else if c.loaded {
				v.lacks(n.Name)
			}
		}
	}
}

// resolves tells whether the catalog has every function and operator that made the analysis say UnknownFunction.
func (c *Catalog) resolves(a *statement.Analysis) bool {
	found := false
	functions := a.Functions()
	for i := range functions {
		n := &functions[i]
		ok := true
		switch {
		case n.Operator:
			_, ok = c.operators[n.Name]
			found = true
		case n.Class == statement.ClassText:
			return false
		case n.Class == statement.ClassUnknown:
			_, ok = c.functions[n.Name]
			found = true
		}
		if !ok {
			return false
		}
	}
	return found
}

func (c *Catalog) judgeRelations(a *statement.Analysis, v *Verdict) {
	relations := a.Relations()
	for i := range relations {
		n := &relations[i]
		if system(n.Schema) {
			continue
		}
		r := c.relations[n.Name]
		switch {
		case r == nil:
			// What DDL names need not exist.
			if !n.CTE && a.Flags&statement.DDL == 0 {
				v.lacks(n.Name)
			}
		case n.Write:
			v.use(n.Name, &r.write)
		default:
			v.use(n.Name, &r.read)
		}
	}
}

// system tells whether package statement judges the relations of a schema.
func system(schema string) bool {
	switch schema {
	case "pg_catalog", "information_schema", "pg_toast", "pg_temp":
		return true
	}
	return false
}

func (c *Catalog) judgeType(n statement.Name, v *Verdict) {
	switch {
	case system(n.Schema):
	case c.types[n.Name] != nil:
		v.use(n.Name, c.types[n.Name])
	case c.relations[n.Name] != nil:
		v.use(n.Name, &c.relations[n.Name].read)
	case len(n.Name) > 1 && n.Name[0] == '_':
		// The type of an array may be called by the name that PostgreSQL gave it.
		n.Name = n.Name[1:]
		c.judgeType(n, v)
	default:
		v.lacks(n.Name)
	}
}

// evaluates tells whether a text is one whose functions and operators the analysis lists, all that it executes.
func evaluates(a *statement.Analysis) bool {
	switch a.Kind {
	case statement.Select, statement.Values, statement.Table, statement.Insert, statement.Update, statement.Delete,
		statement.Merge, statement.CopyOut:
		return true
	case statement.Explain:
		return a.Flags&statement.SessionState == 0 // EXPLAIN EXECUTE
	}
	return false
}

func (v *Verdict) use(name string, o *object) {
	if o != nil && o.effect != nil {
		v.add(name, o.effect)
	}
}

func (v *Verdict) add(name string, e *effect) {
	if v.Cause == "" || e.flags&^v.Flags&statement.Primary != 0 && v.Flags&statement.Primary == 0 {
		v.Name, v.Cause = name, e.cause
	}
	v.Flags |= e.flags
	v.Pin |= e.pin
	v.Opaque = v.Opaque || e.opaque
}

func (v *Verdict) lacks(name string) {
	if v.Unknown == "" {
		v.Unknown = name
		if v.Flags&statement.Primary == 0 || v.Cause == "" {
			v.Name, v.Cause = name, absent
		}
	}
	v.Flags |= statement.UnknownFunction
	v.Pin |= statement.PinUnknown
}
