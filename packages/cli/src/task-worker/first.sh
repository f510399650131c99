#!/bin/bash
# The first process of a task worker (SPEC.md, TW1-TW3). Words: seconds that it may take, seconds to end in, how many words
# begin the runner, those words, and the words that begin the tool host. The runner asks on descriptor 4 and is answered
# on 3; the tool host reads its standard input and writes its standard output.
set -u
umask 077
seconds=$1 grace=$2 count=$3
shift 3
runner_words=("${@:1:count}")
tools_words=("${@:count+1}")

pipes=$(mktemp -d) || exit 70
mkfifo "$pipes/asked" "$pipes/answered" "$pipes/silent" || exit 70
# Open for both, so that neither side waits for the other, and a tool host that ends closes nothing for the runner.
exec {asked}<>"$pipes/asked" {answered}<>"$pipes/answered" {silent}<>"$pipes/silent" || exit 70
rm -rf "$pipes"

begin_tools() {
  "${tools_words[@]}" <&"$asked" >&"$answered" 2>/dev/null {asked}>&- {answered}>&- {silent}>&- &
  tools=$!
  tools_began=$SECONDS
}

# The runner itself: bubblewrap, where it is around it, would end at the signal and pass nothing on.
tell_runner() {
  local pid=$runner name child
  while read -r name <"/proc/$pid/comm" && [ "$name" = bwrap ]; do
    # The list has no end of line.
    child=
    read -r child _ <"/proc/$pid/task/$pid/children"
    [ -n "$child" ] || break
    pid=$child
  done 2>/dev/null
  kill -TERM "$pid" 2>/dev/null
}

# Without a program of its own, which would outlive whoever ends this; false where the first process is gone meanwhile.
wait_here() {
  local left=$1 step parent
  while [ "$left" -gt 0 ]; do
    step=$((left < 5 ? left : 5))
    read -r -t "$step" -u "$silent"
    left=$((left - step))
    read -r _ _ _ parent _ <"/proc/$BASHPID/stat" && [ "$parent" = $$ ] || return 1
  done
}

stop() {
  stopping=1
  tell_runner
  [ -n "${forcing:-}" ] || { (wait_here "$grace" && kill -KILL "$runner" 2>/dev/null) & forcing=$!; }
}

stopping=
runner=
trap stop TERM INT
begin_tools
"${runner_words[@]}" 3<&"$answered" 4>&"$asked" </dev/null {asked}>&- {answered}>&- {silent}>&- &
runner=$!
[ -z "$stopping" ] || stop
(wait_here "$seconds" && kill -TERM $$ 2>/dev/null) &
clock=$!

status=
while [ -z "$status" ]; do
  ended=
  wait -n -p ended "$runner" "$tools"
  code=$?
  if [ "${ended:-}" = "$runner" ]; then
    status=$code
  elif [ "${ended:-}" = "$tools" ]; then
    # One that ends at once, again and again, does not fill the machine.
    [ $((SECONDS - tools_began)) -gt 1 ] || sleep 1
    begin_tools
  elif ! kill -0 "$runner" 2>/dev/null; then
    status=$code
  fi
done
# What the shell would say of those that it ends is of no use to anybody.
exec 2>/dev/null
kill -KILL "$tools" "$clock" ${forcing:-}
exit "$status"
