package catalog

import "strings"

// Declared is what the application says about functions. It counts more than the catalog, for functions that are not
// built in. A name is written as in SQL: bare for the functions of that name in all schemas, or with its schema.
type Declared struct {
	Safe   []string // may run on a standby, and leave nothing in the session, whatever their bodies call
	Unsafe []string // go to the primary
}

// Declare makes a catalog that knows nothing but what the application has declared, for a server whose catalog cannot be
// had. Of it only the bare names count.
func Declare(d Declared) *Catalog {
	c := &Catalog{functions: map[string]*object{}, shadows: map[string]*object{}}
	c.declare(d)
	return c
}

// declare adds the declared names that the catalog lacks.
func (c *Catalog) declare(d Declared) {
	for _, f := range d.Safe {
		if schema, name := declaredName(f); schema == "" && c.functions[name] == nil {
			c.functions[name] = &object{}
		}
	}
	for _, f := range d.Unsafe {
		schema, name := declaredName(f)
		if schema != "" {
			continue
		}
		o := &object{
			effect: &effect{flags: volatile.flags(), cause: "function " + name + " " + declaredUnsafe},
			reads:  reach{any: true},
			writes: reach{any: true},
		}
		if c.functions[name] == nil {
			c.functions[name] = o
		}
		if c.shadows[name] == nil {
			c.shadows[name] = o
		}
	}
}

const declaredUnsafe = "is declared unsafe"

// declarations are the declared names in the form in which the catalog has them.
type declarations map[string]bool

func newDeclarations(names []string) declarations {
	d := declarations{}
	for _, n := range names {
		schema, name := declaredName(n)
		d[qualified(schema, name)] = true
	}
	return d
}

func (d declarations) has(schema, name string) bool {
	return len(d) > 0 && (d[qualified("", name)] || d[qualified(schema, name)])
}

// qualified joins with a character that no name has.
func qualified(schema, name string) string { return schema + "\x00" + name }

// declaredName reads name or schema.name, folded unless it is quoted. What else it may be names no function.
func declaredName(s string) (schema, name string) {
	tokens, _ := scan(strings.TrimSpace(s), nil)
	switch {
	case len(tokens) == 1 && tokens[0].name():
		return "", tokens[0].text
	case len(tokens) == 3 && tokens[0].name() && tokens[1].is(tokenSign, ".") && tokens[2].name():
		return tokens[0].text, tokens[2].text
	}
	return "", s
}
