package statement

// fromItem reads the beginning of an item of a FROM list, or the relation after TABLE, INTO and the like.
func (a *Analysis) fromItem(l *level) {
	switch {
	case a.at(kwLateral) || a.at(kwOnly):
		return
	case a.tok.kind == tokenLeft:
		l.clause = clauseFromTail
		a.push(level{kind: levelFrom})
		return
	case a.at(kwRows) && a.ahead(kwFrom):
		a.next()
		if a.peek.kind != tokenLeft {
			a.fail()
			return
		}
		a.next()
		l.clause = clauseFromTail
		a.push(level{kind: levelRows, clause: clauseFromItem})
		return
	case a.at(kwCast) && a.peek.kind == tokenLeft, a.at(kwCollation) && a.ahead(kwFor):
		l.clause = clauseFromTail
		a.scalars = true
		if a.next(); a.at(kwFor) {
			a.next()
		}
		if a.tok.kind != tokenLeft {
			a.fail()
			return
		}
		a.push(level{kind: levelSyntax, special: specialCast})
		return
	case !isName(a.tok):
		a.fail()
		return
	}
	l.clause = clauseFromTail
	first := a.tok.word
	c := a.chain()
	if c.star {
		a.fail()
		return
	}
	if isReserved(first) {
		// CURRENT_DATE and its like are functions without parentheses, and the only reserved words here.
		a.scalars = true
		if !valueFunction(first) {
			a.fail()
		} else if a.peek.kind == tokenLeft {
			a.next()
			a.push(level{kind: levelParen})
		}
		return
	}
	if a.peek.kind == tokenLeft {
		a.scalars = true
		if c.parts == 1 && first != 0 {
			a.wordCall(l, c)
		} else {
			a.call(c)
		}
		return
	}
	a.relation(c, false)
	if a.operatorIs(a.peek, '*') {
		a.next()
	}
}

// fromTail reads what follows an item: alias, join, the next item or clause.
func (a *Analysis) fromTail(l *level) {
	switch a.tok.kind {
	case tokenComma:
		l.clause = clauseFromItem
		return
	case tokenLeft:
		a.push(level{kind: levelNames})
		return
	case tokenQuoted, tokenUnicode:
		return
	}
	if a.tok.kind != tokenWord {
		a.fail()
		return
	}
	switch a.tok.word {
	case kwAs:
		if isName(a.peek) {
			a.next()
		} else if a.peek.kind != tokenLeft {
			a.fail()
		}
	case kwJoin:
		l.clause = clauseFromItem
	case kwOn:
		l.clause = clauseFromOn
		if a.ahead(kwConflict) {
			a.next()
			l.clause = clauseExpr
		}
	case kwUsing:
		if l.marks&markUsing != 0 {
			l.marks &^= markUsing
			l.clause = clauseFromItem
			return
		}
		if a.peek.kind != tokenLeft {
			a.fail()
		}
	case kwTablesample:
		a.next()
		if !isName(a.tok) {
			a.fail()
			return
		}
		if c := a.chain(); a.peek.kind == tokenLeft {
			a.call(c)
		} else {
			a.fail()
		}
	case kwRepeatable:
		if a.peek.kind == tokenLeft {
			a.next()
			a.push(level{kind: levelParen})
		}
	case kwWith:
		l.clause = clauseExpr
		if a.ahead(kwOrdinality) {
			l.clause = clauseFromTail
		}
		a.withWord(l)
	default:
		if a.peek.kind == tokenLeft && !reserved(a.tok) {
			return // an alias, and a list of names
		}
		if reserved(a.tok) {
			l.clause = clauseExpr
			a.expression(l)
		}
	}
}

// relation notes a relation, and what its schema says about it.
func (a *Analysis) relation(c chain, write bool) {
	n := Name{Name: a.text(&c.name), Write: write}
	if c.parts > 1 {
		n.Schema = a.text(&c.schema)
	}
	a.relations = append(a.relations, n)
	if write {
		return
	}
	a.flags |= systemFlags(n)
}

// systemFlags tells what reading a relation means if the system defines it.
func systemFlags(n Name) Flags {
	switch n.Schema {
	case "information_schema", "pg_toast":
		return Catalog
	case "pg_temp":
		return SessionState
	case "pg_catalog", "":
	default:
		return 0
	}
	if len(n.Name) < 3 || n.Name[:3] != "pg_" {
		if n.Schema == "" {
			return 0
		}
		return Catalog
	}
	if len(n.Name) >= 8 && n.Name[:8] == "pg_stat_" || len(n.Name) >= 10 && n.Name[:10] == "pg_statio_" {
		return Catalog | ServerLocal
	}
	switch n.Name {
	case "pg_locks", "pg_settings", "pg_file_settings", "pg_hba_file_rules", "pg_ident_file_mappings", "pg_prepared_xacts",
		"pg_prepared_statements", "pg_cursors", "pg_replication_slots", "pg_replication_origin_status", "pg_sequences",
		"pg_shmem_allocations", "pg_shmem_allocations_numa", "pg_backend_memory_contexts", "pg_config", "pg_aios",
		"pg_available_extensions", "pg_available_extension_versions", "pg_wait_events":
		return Catalog | ServerLocal
	}
	return Catalog
}

// valueFunction tells whether a reserved word is a function without parentheses.
func valueFunction(w keyword) bool {
	switch w {
	case kwCurrentCatalog, kwCurrentDate, kwCurrentRole, kwCurrentTime, kwCurrentTimestamp, kwCurrentUser,
		kwLocaltime, kwLocaltimestamp, kwSessionUser, kwSystemUser, kwUser:
		return true
	}
	return false
}
