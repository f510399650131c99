/** The saving contract on the Bash kernel. */
import { savingContract } from './saving.ts'

savingContract({
  language: 'bash',
  make: `
plain='two words'
number=$((6 * 7))
declare -i whole=5
list=(one "two three" four)
declare -A map=([a]=1 [b c]='2 3')
export OUTSIDE=yes
readonly fixed=1
lines=$'first\\nsecond'
bytes=$'\\xff\\xfe'
quote="it's \\"quoted\\" \\$x"
greet() { local who=$1; printf 'hello %s\\n' "$who"; }
alias ll='echo listed'
shopt -s nullglob
set -o pipefail
trap 'echo caught' USR1
umask 027
mkdir -p below && cd below
exec 5>held.txt
sleep 300 &
`,
  show: `
echo "$plain $number $whole \${list[1]} \${#list[@]} \${map[b c]} $fixed"
whole+=2; echo $whole; whole=5
printf '%s\\n' "$lines" "$quote"
printf '%s' "$bytes" | od -An -tx1
greet you
ll
sh -c 'echo $OUTSIDE'
shopt -p nullglob; set -o | grep pipefail | tr -s '\\t ' ' '
kill -USR1 $BASHPID; umask; basename "$PWD"
`,
  shown: `two words 42 5 two three 3 2 3 1
7
first
second
it's "quoted" $x
 ff fe
hello you
listed
yes
shopt -s nullglob
pipefail on
caught
0027
below
`,
  change: undefined,
  lost: { 'job sleep 300': /background job/, 'descriptor 5': /open file .*held\.txt/ },
  small: { code: 'number=43', mostBytes: 20_000 },
  busy: 'sleep 60',
  isFresh: { code: 'test -v plain || echo unset', printed: 'unset\n' },
})
