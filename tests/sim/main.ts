/**
 * `npm run sim -- --seeds 10000 [--from N] [--workers N]`: simulates so many worlds and says whether all promises were
 * kept. `--seed N` simulates one and tells all that happened in it.
 */
import './world/take-over.ts'
import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { runSeeds, type Summary } from './run-seeds.ts'
import { shrink } from './shrink.ts'
import { type Outcome, simulate } from './simulate.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '300' },
    from: { type: 'string', default: '0' },
    workers: { type: 'string', default: '2' },
    seed: { type: 'string' },
  },
})

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()

function tell({ seed, failures, trace }: Outcome): void {
  for (const line of trace) say(line)
  for (const failure of failures) say(failure)
  say(`seed ${seed}, commit ${commit}: ${failures.length === 0 ? 'ok' : 'FAILED'}`)
}

function line({ seeds, failed, slowest }: Summary, seconds: number): string {
  const rate = (seeds / seconds).toFixed(1)
  return `${seeds} seeds, ${failed.length} failed, ${rate} a second, slowest agreement ${Math.round(slowest.convergedMs)} ms (seed ${slowest.seed})`
}

async function many(from: number, seeds: number, workers: number): Promise<number> {
  const started = performance.now()
  const seconds = (): number => (performance.now() - started) / 1_000
  let toldAt = 0
  const summary = await runSeeds({ from, seeds, workers }, soFar => {
    if (seconds() - toldAt < 10) return
    toldAt = seconds()
    say(line(soFar, toldAt))
  })
  say(`${line(summary, seconds())}; ${summary.events} events, ${summary.marks} marks written; commit ${commit}`)
  const [first] = summary.failed
  if (!first) return 0
  for (const { seed, failures } of summary.failed) say(`seed ${seed}: ${failures[0]}`)
  say(`\nthe shortest that was found of seed ${first.seed}:`)
  tell(await shrink(first.seed))
  return 1
}

if (values.seed === undefined)
  process.exitCode = await many(Number(values.from), Number(values.seeds), Number(values.workers))
else {
  const outcome = await simulate(Number(values.seed))
  tell(outcome)
  process.exitCode = outcome.failures.length === 0 ? 0 : 1
}
