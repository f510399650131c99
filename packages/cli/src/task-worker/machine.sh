#!/bin/bash
# The first process of a machine that is a task worker (CP66), as its root: the broker's half gets the network, and runner
# and tools a network of their own that leads nowhere. Words: those of first.sh.
set -u
here=$(dirname "$0")
node=/opt/meshbook/node
main=/opt/meshbook/packages/cli/src/main.ts
own=/run/meshbook/own shared=/run/meshbook/tools token=/run/meshbook/token

umask 022
mkdir -p "$own/sockets" "$shared" /work/repo /work/home
# The runner passes, tools do not.
chown 10003:10001 "$own/sockets" && chmod 0750 "$own/sockets" || exit 70
chown 10003 "$shared" && chown 10002:10002 /work /work/repo /work/home || exit 70
install -o 10003 -m 0400 "$MESHBOOK_TOKEN_FILE" "$token" && rm -f "$MESHBOOK_TOKEN_FILE" || exit 70

as_broker=(setpriv --reuid 10003 --regid 10003 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all --)
MESHBOOK_TOKEN_FILE=$token "${as_broker[@]}" "$node" --disable-warning=ExperimentalWarning "$main" task-worker broker &
broker=$!
while [ ! -S "$shared/packages.sock" ]; do
  kill -0 "$broker" 2>/dev/null || exit 71
  sleep 0.05
done

# Loopback has to be told that it is up.
up='socket(S,2,2,0); ioctl(S,0x8914,pack("a16 s x22","lo",0x49)) or die "loopback: $!\n"'
env -i PATH="$PATH" LANG=C.UTF-8 unshare --net --mount --pid --fork --mount-proc --kill-child \
  /bin/bash -c 'perl -e "$1" && shift && exec /bin/bash "$@"' worker "$up" "$here/first.sh" "$@" &
worker=$!
# Of the two that `unshare` is, the inner one hears.
tell_inner() {
  local inner=
  read -r inner _ <"/proc/$worker/task/$worker/children"
  [ -z "$inner" ] || kill -TERM "$inner"
}
trap tell_inner TERM INT
while :; do
  wait "$worker"
  status=$?
  kill -0 "$worker" 2>/dev/null || break
done
kill "$broker" 2>/dev/null
exit "$status"
