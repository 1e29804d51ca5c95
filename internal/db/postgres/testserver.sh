#!/bin/sh
# Starts a throwaway PostgreSQL for tests on a free port of 127.0.0.1 and prints how to reach it.
#
#   dir=$(mktemp -d); dsn=$(internal/db/postgres/testserver.sh start "$dir")
#   RAVN_TEST_POSTGRES="$dsn" go test ./internal/store/...
#   internal/db/postgres/testserver.sh stop "$dir"
#
# The server runs as an unprivileged user (the caller, or postgres or nobody if the caller is root) and keeps everything
# in the folder, which stop removes. Exit 3: PostgreSQL is not installed.
set -eu

usage() { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }

# find_bin prints the folder with initdb and pg_ctl: that of the PATH's initdb, else the newest of Debian's packages. Links
# into the real folder are followed, because pg_ctl looks for postgres beside itself.
find_bin() {
	if path=$(command -v initdb); then
		dir=$(dirname "$(readlink -f "$path")")
		[ -x "$dir/pg_ctl" ] && { echo "$dir"; return; }
	fi
	for dir in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t/ -k5 -rn); do
		[ -x "$dir/initdb" ] && [ -x "$dir/pg_ctl" ] && { echo "$dir"; return; }
	done
	echo "testserver: no initdb and pg_ctl in PATH or /usr/lib/postgresql/*/bin" >&2
	exit 3
}

# unprivileged runs a command as a user that is not root: PostgreSQL refuses to run as root.
unprivileged() {
	if [ "$(id -u)" != 0 ]; then
		"$@"
	else
		setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups "$@"
	fi
}

[ $# = 2 ] || usage
dir=$2
user=nobody
if getent passwd postgres >/dev/null 2>&1; then user=postgres; fi
bin=$(find_bin)

case $1 in
start)
	[ -e "$dir/data" ] && { echo "testserver: $dir is in use" >&2; exit 1; }
	mkdir -p "$dir"
	if [ "$(id -u)" = 0 ]; then chown "$user" "$dir"; fi
	cd "$dir"
	unprivileged "$bin/initdb" -D "$dir/data" -U ravn --auth=trust --no-locale -E UTF8 >"$dir/initdb.log" 2>&1 ||
		{ cat "$dir/initdb.log" >&2; exit 1; }
	try=0
	while :; do
		# A port below the range that the system gives to outgoing connections; taken ones are simply tried past.
		port=$((20000 + ($$ * 7 + try * 131) % 10000))
		if unprivileged "$bin/pg_ctl" -D "$dir/data" -l "$dir/server.log" -w -t 60 \
			-o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=300" start >"$dir/ctl.log" 2>&1; then
			break
		fi
		try=$((try + 1))
		[ $try -lt 10 ] || { cat "$dir/server.log" >&2; exit 1; }
	done
	echo "postgres://ravn@127.0.0.1:$port/postgres?sslmode=disable"
	;;
stop)
	cd /
	unprivileged "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null
	rm -rf "$dir"
	;;
*) usage ;;
esac
