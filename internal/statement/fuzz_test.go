package statement

import (
	"strings"
	"testing"
	"time"

	"github.com/pgsplit/pgsplit/internal/statement/corpus"
)

func seed(f *testing.F) {
	for i, c := range corpus.All() {
		if c.Group != "expressions" && c.Group != "effects" && c.Group != "queries" || i%37 == 0 {
			f.Add(c.SQL)
		}
	}
}

// FuzzLexer: every text is split without panic into pieces that follow one another, at most one per byte.
func FuzzLexer(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text string) {
		for _, backslash := range []bool{false, true} {
			l := lexer{src: text, backslash: backslash}
			end, n := int32(0), 0
			for {
				tok := l.next()
				if tok.kind == tokenEOF {
					break
				}
				if n++; tok.start < end || tok.end <= tok.start || int(tok.end) != l.pos || n > len(text) {
					t.Fatalf("token %d of %q: %d to %d after %d, at %d", n, text, tok.start, tok.end, end, l.pos)
				}
				end = tok.end
			}
			if l.fault == faultNone && l.pos != len(text) {
				t.Fatalf("%q: ended at %d", text, l.pos)
			}
		}
		if Fingerprint(text) != Fingerprint(text) {
			t.Fatal("unstable fingerprint")
		}
	})
}

// FuzzAnalyze: no panic, no more work than the text is long, and the properties that a verdict must have.
func FuzzAnalyze(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text string) {
		var a, b Analysis
		a.Analyze(text)
		if found := len(a.relations) + len(a.functions) + len(a.columns) + len(a.types); found > 2*len(text) {
			t.Fatalf("%d names in %d bytes", found, len(text))
		}
		if len(text) > 0 && Fingerprint(text)%100 == 0 {
			checkTime(t, text)
		}
		if a.Pin&a.Unpin != 0 {
			t.Fatalf("both pinned and unpinned: %q", text)
		}
		if a.Read() != (a.Reason() == ReasonRead) {
			t.Fatalf("reason %s of %q", a.Reason(), text)
		}
		for _, shell := range []string{
			"with w as (insert into t values (1)) @", "select (@\n), nextval('s')", "select nextval('s'), (@\n)", "@\n; delete from t",
			"delete from t; @", "explain @\n; listen x", "with w as (@\n), x as (delete from t) select 1", "select * from (@\n) x for update",
			"insert into t @", "select set_config('a', 'b', false) from (@\n) x", "select pg_advisory_lock(1) where exists (@\n)",
		} {
			whole := strings.ReplaceAll(shell, "@", text)
			if b.Analyze(whole); b.Read() {
				t.Fatalf("called a read: %q", whole)
			}
		}
		if !a.Read() {
			return
		}
		if a.Pin != 0 || a.Statements != 1 {
			t.Fatalf("a read that pins, or is not one statement: %q", text)
		}
		for _, c := range []string{"@\n for update", "@\n; select 1", "select 1; @", "begin; @"} {
			whole := strings.ReplaceAll(c, "@", text)
			if b.Analyze(whole); b.Read() {
				t.Fatalf("called a read: %q", whole)
			}
		}
		checkVariants(t, &a, text)
	})
}

// checkVariants writes a read anew, with other white space, comments and literals: it stays a read, with the same names
// and the same fingerprint.
func checkVariants(t *testing.T, a *Analysis, text string) {
	for _, f := range a.functions {
		if f.Class == ClassText || f.Class == ClassReadsUnnamed {
			return // its literal is a statement, or a name
		}
	}
	var spaced, changed strings.Builder
	l := lexer{src: text}
	var before token
	for i := 0; ; i++ {
		tok := l.next()
		if tok.kind == tokenEOF {
			break
		}
		gap := [...]string{" ", "/* for update; */", "\t", " -- insert into t\n", "\n", "/*/* x */*/"}[i%6]
		if before.kind == tokenString {
			gap = " /* no line break, which would join two strings */ "
		}
		spaced.WriteString(gap)
		changed.WriteString(" ")
		piece := text[tok.start:tok.end]
		spaced.WriteString(piece)
		if tok.marks&markPlain != 0 && tok.kind == tokenString && !strings.Contains(strings.ToLower(text), "current_setting") {
			piece = "'changed; for update'"
		}
		if tok.kind == tokenNumber {
			piece = "815"
		}
		changed.WriteString(piece)
		before = tok
	}
	if l.forked {
		return // which bytes are literals depends on the server
	}
	var b Analysis
	for _, variant := range []string{spaced.String(), changed.String()} {
		b.Analyze(variant)
		if !b.Read() || len(b.relations) != len(a.relations) || len(b.functions) != len(a.functions) {
			t.Fatalf("%q is a read, %q is not the same: %s", text, variant, b.Reason())
		}
		if Fingerprint(text) != Fingerprint(variant) {
			t.Fatalf("%q and %q have different fingerprints", text, variant)
		}
	}
}

// checkTime compares a long text made of many of the same with one that is four times as long. Quadratic time would be
// sixteen times as much; what else there is allows for a busy machine.
func checkTime(t *testing.T, text string) {
	shortest := func(bytes int) time.Duration {
		long := strings.Repeat(text, bytes/len(text)+1)
		best := time.Hour
		for range 5 {
			var a Analysis
			start := time.Now()
			a.Analyze(long)
			Fingerprint(long)
			best = min(best, time.Since(start))
		}
		return best
	}
	if short, long := shortest(16<<10), shortest(64<<10); long > 10*short && long > 20*time.Millisecond {
		t.Fatalf("%v for 16 kB of it, %v for 64 kB: %q", short, long, text)
	}
}
