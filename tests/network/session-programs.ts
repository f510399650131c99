/**
 * Programs with state that is hard to carry, one a kernel: what makes the state, and what asks after it. Each asks for a
 * word that nobody can know who does not have the very same variables, and for things that live: files, children, timers,
 * generators.
 */
export interface SessionProgram {
  name: string
  language: string
  /** The kernelspec that its notebook names. */
  kernel?: string
  /** Prints the word. */
  make: string
  /** Prints the word and `answer`, whenever it is asked. */
  ask: string
  answer: (time: number) => string
}

const arrayFloats = 13_107_200
const arraySum = (arrayFloats * (arrayFloats - 1)) / 2

const pythonMake = (log: string) => `
import os, subprocess, threading, time
import numpy as np, pandas as pd
arr = np.arange(${arrayFloats}, dtype='float64')
df = pd.DataFrame({'n': range(1000), 'name': [f'row {i}' for i in range(1000)]})
log = open('${log}', 'w+')
log.write('made\\n')
log.flush()
child = subprocess.Popen(['sleep', '100000'])
ticks = 0
def tick():
    global ticks
    while True:
        ticks += 1
        time.sleep(0.05)
worker = threading.Thread(target=tick, daemon=True)
worker.start()
def squares():
    n = 0
    while True:
        yield n * n
        n += 1
gen = squares()
next(gen)
asked = 0
word = os.urandom(8).hex()
print(word)`

const pythonAsk = `
asked += 1
before = ticks
time.sleep(0.4)
log.write(f'asked {asked}\\n')
log.flush()
log.seek(0)
lines = len(log.read().splitlines())
print(word, int(arr.sum()), df.n.sum(), df.name[7], next(gen), child.poll(), worker.is_alive(), ticks > before, lines)`

const pythonAnswer = (time: number) => `${arraySum} 499500 row 7 ${time * time} None True True ${time + 1}`

export const sessionPrograms: readonly SessionProgram[] = [
  {
    name: 'python',
    language: 'python',
    make: pythonMake('/home/me/python-log.txt'),
    ask: pythonAsk,
    answer: pythonAnswer,
  },
  {
    name: 'ipykernel',
    language: 'python',
    kernel: 'python3',
    make: pythonMake('/home/me/ipykernel-log.txt'),
    ask: pythonAsk,
    answer: pythonAnswer,
  },
  {
    name: 'r',
    language: 'r',
    make: `
arr <- as.numeric(0:${arrayFloats - 1})
frame <- data.frame(n = 0:999, name = paste('row', 0:999))
con <- file('/home/me/r-log.txt', 'w')
writeLines('made', con); flush(con)
counter <- local({ n <- 0; function() { n <<- n + 1; n } })
word <- paste(sample(c(letters, 0:9), 16, TRUE), collapse = '')
cat(word)`,
    ask: `
asked <- counter()
writeLines(paste('asked', asked), con); flush(con)
cat(word, format(sum(arr), scientific = FALSE), sum(frame$n), frame$name[8], asked, length(readLines('/home/me/r-log.txt')))`,
    answer: time => `${arraySum} 499500 row 7 ${time} ${time + 1}`,
  },
  {
    name: 'bash',
    language: 'bash',
    make: `
big=$(head -c 4000000 /dev/zero | tr '\\0' x)
declare -A table=([seven]='row 7')
count() { asked=$((asked + 1)); }
asked=0
exec 7>>/home/me/bash-log.txt
echo made >&7
sleep 100000 &
word=$(head -c 8 /dev/urandom | od -An -tx1 | tr -d ' \\n')
echo "$word"`,
    ask: `
count
echo "asked $asked" >&7
kill -0 %1 && alive=yes || alive=no
echo "$word" "\${#big}" "\${table[seven]}" "$asked" "$alive" "$(wc -l < /home/me/bash-log.txt)"`,
    answer: time => `4000000 row 7 ${time} yes ${time + 1}`,
  },
  {
    name: 'javascript',
    language: 'javascript',
    make: `
const fs = require('node:fs')
const { spawn } = require('node:child_process')
const arr = new Float64Array(${arrayFloats})
for (let i = 0; i < arr.length; i++) arr[i] = i
const table = new Map([[7, 'row 7']])
const log = fs.openSync('/home/me/js-log.txt', 'w+')
fs.writeSync(log, 'made\\n')
const child = spawn('sleep', ['100000'], { stdio: 'ignore' })
let ticks = 0
setInterval(() => { ticks++ }, 50)
function* squares() { for (let n = 0; ; n++) yield n * n }
const gen = squares()
gen.next()
let asked = 0
const word = require('node:crypto').randomBytes(8).toString('hex')
console.log(word)`,
    ask: `
asked++
const before = ticks
await new Promise(resolve => setTimeout(resolve, 400))
fs.writeSync(log, 'asked ' + asked + '\\n')
let sum = 0
for (const value of arr) sum += value
const lines = fs.readFileSync('/home/me/js-log.txt', 'utf8').trim().split('\\n').length
console.log(word, sum, table.get(7), gen.next().value, child.exitCode === null, ticks > before, lines)`,
    answer: time => `${arraySum} row 7 ${time * time} true true ${time + 1}`,
  },
]
