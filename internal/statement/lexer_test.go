package statement

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

var tokenNames = [...]string{
	"eof", "word", "quoted", "unicode", "string", "number", "parameter", "operator", "cast", "assign", "range", "(", ")",
	"[", "]", ",", ";", ":", ".",
}

// tokens writes the tokens of a text as kind:text, with what is wrong with it at the end.
func tokens(l lexer) string {
	var list []string
	for {
		t := l.next()
		if t.kind == tokenEOF {
			break
		}
		text := strings.NewReplacer(" ", "_", "\n", "_").Replace(l.src[t.start:t.end])
		if t.kind < tokenLeft {
			text = tokenNames[t.kind] + ":" + text
		}
		list = append(list, text)
	}
	switch l.fault {
	case faultUnterminated:
		list = append(list, "UNTERMINATED")
	case faultUnknown:
		list = append(list, "UNKNOWN")
	}
	if l.forked {
		list = append(list, "FORKED")
	}
	return strings.Join(list, " ")
}

func TestLexerSplitsAsTheServerDoes(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "",
		" \t\r\n\f\v":                     "",
		"a A_1$ é _":                      "word:a word:A_1$ word:é word:_",
		`"a""b" "c d" ""`:                 `quoted:"a""b" quoted:"c_d" quoted:""`,
		`U&"a" u&"b" uescape '!' U & "c"`: `unicode:U&"a" unicode:u&"b"_uescape_'!' word:U operator:& quoted:"c"`,
		`'a''b' '' 'c' 'd'`:               `string:'a''b' string:'' string:'c' string:'d'`,
		"'a'\n'b'":                        "string:'a'_'b'",
		"'a' -- x\n 'b'":                  "string:'a'_--_x__'b'",
		"'a' /* \n */ 'b'":                "string:'a' string:'b'",
		`e'a\'b' E'\\' e'\''`:             `string:e'a\'b' string:E'\\' string:e'\''`,
		"e'a'\n'\\''":                     `string:e'a'_'\''`,
		"b'1' X'f' n'a' N'b' U&'c' u&'d'": "string:b'1' string:X'f' string:n'a' string:N'b' string:U&'c' string:u&'d'",
		"ee'a' be'a'":                     "word:ee string:'a' word:be string:'a'",
		"$$a$$ $x$ $$ $y$ $x$ $é1$b$é1$":  "string:$$a$$ string:$x$_$$_$y$_$x$ string:$é1$b$é1$",
		"a$$b$$":                          "word:a$$b$$",
		"$1 $23 $$a$$":                    "parameter:$1 parameter:$23 string:$$a$$",
		"1 1.5 .5 1. 1e5 1E-5 1.5e+10 1_000 0x1F 0b1 0o7": "number:1 number:1.5 number:.5 number:1. number:1e5 number:1E-5 number:1.5e+10 number:1_000 number:0x1F number:0b1 number:0o7",
		"1..2 a.b a . b":           "number:1 range:.. number:2 word:a . word:b word:a . word:b",
		"1-- x\n2--":               "number:1 number:2",
		"1/* /* */ */2/**/3":       "number:1 number:2 number:3",
		"/*/ */1":                  "number:1",
		"/**/1/***/2":              "number:1 number:2",
		"a+b*-c":                   "word:a operator:+ word:b operator:* operator:- word:c",
		"a@-b a@+-b a<--c":         "word:a operator:@- word:b word:a operator:@+- word:b word:a operator:<",
		"a*/b a*/*c*/d a+/*c*/-d":  "word:a operator:*/ word:b word:a operator:* word:d word:a operator:+ operator:- word:d",
		"a->>b#>>c ?| ?& ::int :=": "word:a operator:->> word:b operator:#>> word:c operator:?| operator:?& cast::: word:int assign::=",
		"a<-1 a=-1 a!=-1 a|-1":     "word:a operator:< operator:- number:1 word:a operator:= operator:- number:1 word:a operator:!=- number:1 word:a operator:|- number:1",
		"x[1:2](a,b);":             "word:x [ number:1 : number:2 ] ( word:a , word:b ) ;",
		"=> <= >= <> !=":           "operator:=> operator:<= operator:>= operator:<> operator:!=",

		"'a":           "UNTERMINATED",
		`a "b`:         "word:a UNTERMINATED",
		"$$a":          "UNTERMINATED",
		"$a$b$c$":      "UNTERMINATED",
		"a /* b":       "word:a UNTERMINATED",
		"/* /* */":     "UNTERMINATED",
		"/*/":          "UNTERMINATED",
		"e'\\'":        "UNTERMINATED",
		"u&'a":         "UNTERMINATED",
		`a \ b`:        "word:a UNTERMINATED",
		"1a":           "UNKNOWN",
		"1__0":         "UNKNOWN",
		"0xg":          "UNKNOWN",
		"$1a":          "UNKNOWN",
		"$a":           "UNKNOWN",
		"a { b":        "word:a UNKNOWN",
		"a \x01":       "word:a UNKNOWN",
		`'a\' 'b'`:     `string:'a\' string:'b' FORKED`,
		`'a\\' 'b\_'`:  `string:'a\\' string:'b\_'`,
		`'a\\\' `:      `string:'a\\\' FORKED`,
		`'a\'' b'`:     "string:'a\\''_b' FORKED",
		`e'a\'' b'1'`:  `string:e'a\'' string:b'1'`,
		`u&'a\' b'1'`:  `string:u&'a\' string:b'1'`,
		`'a''\''b'`:    `string:'a''\''b' FORKED`,
		"'a'\n'b\\' 1": "string:'a'_'b\\' number:1 FORKED",
	} {
		assert.Equal(t, want, tokens(lexer{src: text}), "%q", text)
	}
	for text, want := range map[string]string{
		`'a\' 'b'`:   `string:'a\'_' UNTERMINATED`,
		`'a\'' b'1'`: `string:'a\'' string:b'1'`,
		`'a\\' 'b'`:  `string:'a\\' string:'b'`,
	} {
		assert.Equal(t, want, tokens(lexer{src: text, backslash: true}), "%q with backslash escapes", text)
	}
}

func TestEveryKeywordAndBuiltinIsFoundByItsName(t *testing.T) {
	for k := 1; k < len(keywords); k++ {
		word := keywords[k].word
		assert.Equal(t, keyword(k), findKeyword(word, hashOf(word)))
		assert.Equal(t, keyword(k), findKeyword(strings.ToUpper(word), hashOf(word)))
	}
	for i := range builtins {
		b := findBuiltin(builtins[i].name, hashOf(builtins[i].name))
		assert.Same(t, &builtins[i], b)
	}
	assert.Nil(t, findBuiltin("no_such_function", hashOf("no_such_function")))
	for _, name := range builtinTypes {
		assert.True(t, typeSet.has(name, hashOf(name)), name)
	}
	for _, name := range builtinOperators {
		assert.True(t, operatorSet.has(name, hashOf(name)), name)
	}
}

func TestTablesOfNamesMatchTheirEnumerations(t *testing.T) {
	assert.Len(t, kindNames, int(Grant)+1)
	assert.Len(t, reasonNames, int(ReasonFunction)+1)
	assert.Len(t, classNames, int(ClassRows)+1)
	assert.Len(t, classFlags, int(ClassRows)+1)
}
