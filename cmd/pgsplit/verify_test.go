package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

func TestVerifySaysWhatItFound(t *testing.T) {
	cluster := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1})
	var out, errs bytes.Buffer
	status := run(t.Context(), []string{"verify", "-dsn", cluster.DSN(), "-mode", "on,off", "-synchronous-commit", "on", "-duration", "1s", "-workers", "4"}, &out, &errs)
	assert.Equal(t, statusOK, status, errs.String())
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	assert.Contains(t, lines[0], "synchronous_commit=on   on ")
	assert.Contains(t, lines[len(lines)-1], "0 violations of what was promised")
	n, err := cluster.Primary.QueryString("select count(*) from pg_namespace where nspname = 'pgsplit_verify'")
	assert.NoError(t, err)
	assert.Equal(t, "0", n, "it leaves nothing")
}

func TestVerifyTellsMistakes(t *testing.T) {
	for _, args := range [][]string{{"x"}, {"-mode", "of"}, {"-duration", "0s"}, {"-workers", "0"}, {"-replicas", "9"}, {"-promote", "-dsn", "postgres://h/d"}} {
		var out, errs bytes.Buffer
		assert.Equal(t, statusUsage, run(t.Context(), append([]string{"verify"}, args...), &out, &errs), args)
		assert.Empty(t, out.String())
	}
}
