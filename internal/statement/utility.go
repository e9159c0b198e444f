package statement

// utility reads the head of a statement that is neither a query nor a change of data. The rest of it need not be read.
func (a *Analysis) utility() Kind {
	word := a.tok.word
	if kind := a.transaction(word); kind != Unknown {
		return kind
	}
	if kind := a.session(word); kind != Unknown {
		return kind
	}
	if kind := a.cursor(word); kind != Unknown {
		return kind
	}
	if kind := a.definition(word); kind != Unknown {
		return kind
	}
	switch word {
	case kwTruncate:
		a.flags |= Writes
		a.next()
		a.targets(true)
		return Truncate
	case kwLock:
		a.flags |= Locks
		a.next()
		a.targets(false)
		return Lock
	case kwDo:
		a.flags |= Writes
		a.pin |= PinUnknown
		return Do
	case kwCall:
		a.flags |= Writes
		a.pin |= PinUnknown
		if a.next(); isName(a.tok) {
			if c := a.chain(); a.peek.kind == tokenLeft {
				a.call(c)
			}
		}
		return Call
	case kwVacuum, kwAnalyze, kwAnalyse, kwCluster, kwReindex, kwRefresh, kwCheckpoint:
		a.flags |= Writes
		if word == kwRefresh && a.ahead(kwMaterialized) {
			for a.next(); a.at(kwMaterialized) || a.at(kwView) || a.at(kwConcurrently); a.next() {
			}
			a.target(true)
		}
		return Maintain
	}
	a.fail()
	return Unknown
}

// transaction reads what begins, ends and shapes transactions.
func (a *Analysis) transaction(word keyword) Kind {
	kind := Unknown
	switch word {
	case kwBegin:
		kind = Begin
	case kwStart:
		if kind = Begin; !a.wordIs(a.peek, "transaction") {
			a.fail()
		}
	case kwCommit, kwEnd:
		if kind = Commit; a.ahead(kwPrepared) {
			kind = CommitPrepared
			a.flags |= Writes
		}
	case kwRollback, kwAbort:
		kind = Rollback
		if a.ahead(kwPrepared) {
			kind = RollbackPrepared
			a.flags |= Writes
			break
		}
		if a.wordIs(a.peek, "work") || a.wordIs(a.peek, "transaction") {
			a.next()
		}
		if a.ahead(kwTo) {
			kind = RollbackTo
		}
	case kwSavepoint:
		kind = Savepoint
	case kwRelease:
		kind = Release
	case kwPrepare:
		if !a.wordIs(a.peek, "transaction") {
			return Unknown
		}
		kind = PrepareTransaction
		a.flags |= Writes
	default:
		return Unknown
	}
	a.flags |= TxControl
	return kind
}

// cursor reads what has to do with cursors and with statements kept by name.
func (a *Analysis) cursor(word keyword) Kind {
	switch word {
	case kwPrepare:
		a.flags |= SessionState
		a.pin |= PinPrepare
		return Prepare
	case kwExecute:
		a.flags |= SessionState
		a.pin |= PinUnknown
		return Execute
	case kwDeallocate:
		a.flags |= SessionState
		if a.ahead(kwPrepare) {
			a.next()
		}
		if a.ahead(kwAll) {
			a.pin |= PinPrepare
		}
		return Deallocate
	case kwDeclare:
		a.flags |= SessionState
		a.declare()
		return Declare
	case kwFetch:
		a.flags |= SessionState
		return Fetch
	case kwMove:
		a.flags |= SessionState
		return Move
	case kwClose:
		a.flags |= SessionState
		if a.ahead(kwAll) {
			a.unpin |= PinHoldCursor
		}
		return Close
	}
	return Unknown
}

// declare reads DECLARE … CURSOR [WITH HOLD] FOR and the cursor's query.
func (a *Analysis) declare() {
	for !a.at(kwFor) {
		if a.tok.kind == tokenEOF || a.tok.kind == tokenSemicolon {
			a.fail()
			return
		}
		if a.at(kwWith) && a.wordIs(a.peek, "hold") {
			a.pin |= PinHoldCursor
		}
		a.next()
	}
	a.next()
	a.query(0)
}

// targets reads a list of relations, as TRUNCATE and LOCK have one.
func (a *Analysis) targets(write bool) {
	if a.at(kwTable) {
		a.next()
	}
	for {
		a.target(write)
		if a.operatorIs(a.peek, '*') {
			a.next()
		}
		if a.next(); a.tok.kind != tokenComma {
			return
		}
		a.next()
	}
}
