#!/usr/bin/env bash
# Formats nothing, installs only what is missing: checks formatting, vets and tests every module of this repository.
# Arguments are passed on to "go test", for instance: ./test.sh -shuffle=on -count=1
set -euo pipefail
cd "$(dirname "$0")"

# The tests need PostgreSQL's server programs (initdb and postgres, 14 or newer).
have_postgres() {
  [ -n "${PGSPLITTEST_BIN:-}" ] || command -v initdb >/dev/null ||
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || compgen -G '/usr/pgsql-*/bin/initdb' >/dev/null ||
    compgen -G '/opt/homebrew/opt/postgresql*/bin/initdb' >/dev/null || compgen -G '/usr/local/opt/postgresql*/bin/initdb' >/dev/null
}
if ! have_postgres; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    { apt-get -qq update && apt-get -qq install -y postgresql; } >/dev/null
  else
    echo "PostgreSQL's server programs are missing: install the package 'postgresql' (brew: postgresql@17), or set PGSPLITTEST_BIN to their folder" >&2
    exit 1
  fi
fi

# The tests behind PgBouncer are skipped where there is none.
have_pgbouncer() {
  [ -n "${PGSPLIT_TEST_PGBOUNCER:-}" ] || command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ]
}
if ! have_pgbouncer && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  { apt-get -qq update && apt-get -qq install -y pgbouncer; } >/dev/null 2>&1 || true
fi
have_pgbouncer || echo "PgBouncer is missing: the tests behind it are skipped; install the package 'pgbouncer', or name its program in PGSPLIT_TEST_PGBOUNCER" >&2

# Many short-lived servers: a folder in memory, where there is one, spares the disk.
if [ -z "${PGSPLITTEST_DIR:-}" ] && [ -d /dev/shm ] && [ -w /dev/shm ]; then
  export PGSPLITTEST_DIR=/dev/shm
fi

unformatted=$(gofmt -l .)
if [ -n "$unformatted" ]; then
  printf 'not formatted (gofmt -w):\n%s\n' "$unformatted" >&2
  exit 1
fi

# "go test ./..." stops at nested modules, so each one is visited.
modules=$(find . -mindepth 2 -name go.mod -not -path './.*' -not -path './bench/*' | sort)
vet_and_test() { (cd "$1" && go vet ./... && go test -race -timeout 20m "${@:2}" ./...); }

# Fuzzing looks for what the corpus lacks. It takes what the tests leave of the processors. Go itself may report that the time is
# up as a failure; an input that fails it always writes down. PGSPLIT_FUZZTIME=0 leaves fuzzing out.
fuzz() {
  local target=$1 package=$2 fuzztime=${PGSPLIT_FUZZTIME:-$3} out
  if [ "$fuzztime" = 0 ]; then
    return
  fi
  if out=$(nice -n 19 go test -run '^$' -fuzz "^$target\$" -fuzztime "$fuzztime" -parallel 1 "$package" 2>&1); then
    echo "ok  	$target for $fuzztime: $(grep -o 'execs: [0-9]*' <<<"$out" | tail -n 1)"
  elif grep -q 'context deadline exceeded' <<<"$out" && ! grep -q 'Failing input' <<<"$out"; then
    echo "ok  	$target for $fuzztime, ended by the clock"
  else
    printf '%s\n' "$out"
    return 1
  fi
}

# The longest test of the package at the root goes with the other lane, unless somebody chooses tests by name.
apart='^TestEverythingIsAsWithPgxInEveryExecMode$'
for arg in "$@"; do
  case $arg in -run* | -skip* | --run* | --skip*) apart= ;; esac
done

# The other lane: all but the tests of the package at the root, which take longest.
others() {
  if [ -n "$apart" ]; then
    go test -race -timeout 20m -run "$apart" "$@" . || return
  fi
  go list ./... | tail -n +2 | xargs go test -race -timeout 20m -p 1 "$@" || return
  for mod in $modules; do
    vet_and_test "$(dirname "$mod")" "$@" || return
  done
  fuzz FuzzLexer ./internal/statement 30s && fuzz FuzzAnalyze ./internal/statement 30s && fuzz FuzzToken . 10s
}

go vet ./...
vet_and_test bench "$@" # it measures, so it is alone

# The other lane has a process group of its own, which hears no interrupt: it is ended with this script, and what it has printed is
# shown in any case.
printed=$(mktemp) other=
finish() {
  if [ -n "$other" ]; then
    kill -INT -- "-$other" 2>/dev/null || true
  fi
  cat "$printed"
  rm -f "$printed"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
set -m
others "$@" >"$printed" 2>&1 </dev/null &
other=$!
set +m
status=0
go test -race -timeout 20m ${apart:+-skip "$apart"} "$@" . || status=$?
wait "$other" || status=$?
other=
exit "$status"
