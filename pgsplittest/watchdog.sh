# Ends the servers below a folder, and the folder, once standard input ends.
# $1 is the folder; each line of input is the pid of a server started in it.
# Runs under any POSIX shell; takes the short way through /proc where there is one.
trap '' HUP INT QUIT TERM
dir=$1
pids=
while read -r pid; do pids="$pids $pid"; done

[ -n "$dir" ] || exit 1
[ -d "$dir" ] || exit 0

# A pid may have been given to another process since: only a server names the
# folder in its arguments.
ours() {
	if [ -r /proc/self/cmdline ]; then
		tr '\0' ' ' <"/proc/$1/cmdline"
	else
		ps -o args= -p "$1"
	fi 2>/dev/null | grep -qF -- "$dir/"
}

children() {
	if [ -r /proc/self/stat ]; then
		for stat in /proc/[0-9]*/stat; do
			read -r child _ _ parent _ 2>/dev/null <"$stat" && [ "$parent" = "$1" ] && echo "$child"
		done
	else
		ps -A -o pid=,ppid= | while read -r child parent; do
			[ "$parent" = "$1" ] && echo "$child"
		done
	fi
}

# Processes that work inside the folder, where the system can tell.
inside() {
	ls -l /proc/[0-9]*/cwd 2>/dev/null | grep -F -- " -> $dir/" | sed -n 's,.*/proc/\([0-9]*\)/cwd -> .*,\1,p'
}

# Killing outright leaves the small shared memory segment that a server keeps
# for its lock: its id is in the lock file's seventh line.
segments=
for lock in "$dir"/*/data/postmaster.pid; do
	[ -f "$lock" ] && segments="$segments $(sed -n '7s/^ *[0-9]* *\([0-9][0-9]*\).*/\1/p' "$lock")"
done

for pid in $pids; do
	ours "$pid" || continue
	kill -STOP "$pid" # it cannot start another child now
	kill -KILL $(children "$pid") "$pid"
done 2>/dev/null

tries=0
while [ $tries -lt 50 ]; do
	left=$(inside)
	[ -z "$left" ] || kill -KILL $left 2>/dev/null
	rm -rf "$dir" 2>/dev/null
	[ -z "$left" ] && [ ! -d "$dir" ] && break
	tries=$((tries + 1))
	sleep 0.1 2>/dev/null || sleep 1
done

for segment in $segments; do
	ipcrm -m "$segment" 2>/dev/null
done
[ ! -d "$dir" ]
