package statement

import "strings"

// session reads what makes, shows and drops the state of a session.
func (a *Analysis) session(word keyword) Kind {
	switch word {
	case kwSet:
		a.set()
		return Set
	case kwReset:
		a.flags |= SessionState
		a.pin |= PinSetting
		if a.wordIs(a.peek, "role") || a.ahead(kwSession) {
			a.pin = a.pin&^PinSetting | PinRole
		}
		return Reset
	case kwShow:
		if a.next(); !a.fixedSetting() {
			a.flags |= SessionState
		}
		return Show
	case kwDiscard:
		a.flags |= SessionState
		switch {
		case a.ahead(kwAll):
			// It also drops the statements that the driver has prepared and counts on.
			a.pin |= PinSetting | PinPrepare
		case a.ahead(kwTemp) || a.ahead(kwTemporary):
			a.unpin |= PinTempTable
		}
		return Discard
	case kwListen:
		a.flags |= SessionState
		a.pin |= PinListen
		return Listen
	case kwUnlisten:
		a.flags |= SessionState
		if a.operatorIs(a.peek, '*') {
			a.unpin |= PinListen
		}
		return Unlisten
	case kwNotify:
		a.flags |= Writes
		return Notify
	case kwLoad:
		a.flags |= SessionState
		a.pin |= PinLoad
		return Load
	}
	return Unknown
}

// set reads SET, of which some forms are of the transaction at hand only.
func (a *Analysis) set() {
	local := false
	switch a.next(); {
	case a.at(kwLocal):
		local = true
		a.next()
	case a.at(kwSession) && !a.wordIs(a.peek, "authorization") && !a.wordIs(a.peek, "characteristics"):
		a.next()
	}
	switch {
	case a.wordIs(a.tok, "transaction") && !a.operatorIs(a.peek, '=') && !a.ahead(kwTo):
		a.flags |= TxControl | LocalSetting
		return
	case a.wordIs(a.tok, "constraints") && !a.operatorIs(a.peek, '=') && !a.ahead(kwTo):
		a.flags |= TxControl | LocalSetting
		return
	}
	a.flags |= SessionState
	switch {
	case local:
		a.flags |= LocalSetting
	case a.wordIs(a.tok, "role"), a.at(kwSession) && a.wordIs(a.peek, "authorization"),
		a.wordIs(a.tok, "session_authorization"):
		a.pin |= PinRole
	default:
		a.pin |= PinSetting
	}
}

// fixedSetting tells whether tok is a setting that is given with the server program or the cluster's files, or that users
// ask for to learn which server answered.
func (a *Analysis) fixedSetting() bool {
	if a.tok.kind != tokenWord || a.peek.kind != tokenEOF && a.peek.kind != tokenSemicolon {
		return false
	}
	switch strings.ToLower(a.lex.src[a.tok.start:a.tok.end]) {
	case "server_version", "server_version_num", "server_encoding", "block_size", "wal_block_size", "wal_segment_size",
		"segment_size", "integer_datetimes", "max_identifier_length", "max_index_keys", "max_function_args", "lc_collate",
		"lc_ctype", "data_checksums", "in_hot_standby":
		return true
	}
	return false
}
