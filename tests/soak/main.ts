/**
 * `npm run soak -- NAME [--seed N] [--count N]`: the full count of a test of which `npm test` runs a sample. Ends with one
 * JSON line that says what was run, on which commit and when; exits with 1 when something did not hold.
 */
import { execFileSync } from 'node:child_process'

export interface SoakOptions {
  seed: number
  /** How much of it; without it the full count. */
  count: number | undefined
  say: (text: string) => void
}
/** Throws when something does not hold; the figures are what stands in docs/reliability.md. */
export type Soak = (options: SoakOptions) => Promise<Record<string, unknown>>

const soaks: Record<string, () => Promise<{ soak: Soak }>> = {
  images: () => import('./images.ts'),
  kill: () => import('./kill.ts'),
  malformed: () => import('./malformed.ts'),
  monitors: () => import('./monitors.ts'),
  'pairing-guesses': () => import('./pairing-guesses.ts'),
  partitions: () => import('./partitions.ts'),
  programs: () => import('./programs.ts'),
  'phone-queue': () => import('./phone-queue.ts'),
  'power-cut': () => import('./power-cut.ts'),
  revocation: () => import('./revocation.ts'),
  'run-partitions': () => import('./run-partitions.ts'),
  sessions: () => import('./sessions.ts'),
  'long-loops': () => import('./long-loops.ts'),
  'task-kills': () => import('./task-kills.ts'),
  'slow-readers': () => import('./slow-readers.ts'),
  week: () => import('./week.ts'),
  'workflow-budgets': () => import('./workflow-budgets.ts'),
  'workflow-graphs': () => import('./workflow-graphs.ts'),
  'workflow-hubs': () => import('./workflow-hubs.ts'),
}

const numberAfter = (flag: string): number | undefined => {
  const at = process.argv.indexOf(flag)
  if (at < 0) return undefined
  const value = Number(process.argv[at + 1])
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${flag} needs a number`)
  return value
}

const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim()

function stand(): { commit: string; date: string } {
  const changed = git('status', '--porcelain', '--untracked-files=no') !== ''
  return {
    commit: git('rev-parse', '--short', 'HEAD') + (changed ? '+changes' : ''),
    date: new Date().toISOString().slice(0, 10),
  }
}

async function run(name: string): Promise<boolean> {
  const seed = numberAfter('--seed') ?? 1
  const { commit, date } = stand()
  const started = performance.now()
  const say = (text: string): void => void process.stderr.write(`${text}\n`)
  const seconds = (): number => Math.round((performance.now() - started) / 1_000)
  try {
    const { soak } = await soaks[name]!()
    const figures = await soak({ seed, count: numberAfter('--count'), say })
    process.stdout.write(
      `${JSON.stringify({ soak: name, ok: true, seed, ...figures, seconds: seconds(), commit, date })}\n`,
    )
    return true
  } catch (error) {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error))
    process.stdout.write(`${JSON.stringify({ soak: name, ok: false, seed, seconds: seconds(), commit, date })}\n`)
    return false
  }
}

const name = process.argv[2] ?? ''
if (!Object.hasOwn(soaks, name)) {
  process.stderr.write(
    `usage: npm run soak -- NAME [--seed N] [--count N]\nsoaks: ${Object.keys(soaks).sort().join(', ')}\n`,
  )
  process.exit(2)
}
process.exit((await run(name)) ? 0 : 1)
