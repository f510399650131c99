/** For tests: an adapter with its interpreter, without a host. Events are collected, and acknowledged if wanted. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type KernelEvent, Run, RunLog } from '../wire/run-log.ts'
import { ChildAdapter } from './adapter.ts'
import type { ChildLanguage } from './child-language.ts'

const terminal = new Set(['completed', 'failed', 'cancelled'])
const withinMs = 20_000

export interface Bench {
  adapter: ChildAdapter
  log: RunLog
  /** The project's folder. */
  cwd: string
  scratch: string
  death: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  start(code: string): Started
  run(code: string): Promise<KernelEvent[]>
}

export interface Started {
  events: KernelEvent[]
  ended: Promise<KernelEvent[]>
  when(fits: (event: KernelEvent) => boolean): Promise<KernelEvent>
}

export async function bench(
  t: TestContext,
  language: Omit<ChildLanguage, 'onDeath'>,
  unackedBytes = 1 << 20,
  project?: string,
): Promise<Bench> {
  const scratch = await mkdtemp(join(tmpdir(), 'meshbook-child-'))
  const cwd = project ?? (await mkdtemp(join(tmpdir(), 'meshbook-project-')))
  const log = new RunLog(unackedBytes)
  const limits = { frameBytes: 1 << 26, unackedBytes, inputBytes: 1 << 20, displayBytes: 1 << 25 }
  const config = { address: '127.0.0.1', port: 0, token: '', cwd, scratch, limits }
  const died = Promise.withResolvers<{ code: number | null; signal: NodeJS.Signals | null }>()
  const onDeath = (code: number | null, signal: NodeJS.Signals | null) => died.resolve({ code, signal })
  const adapter = new ChildAdapter({ ...language, onDeath }, config, log)
  t.after(async () => {
    await adapter.close()
    await rm(scratch, { recursive: true, force: true })
    await rm(cwd, { recursive: true, force: true })
  })
  const start = (code: string) => begin(adapter, log, code)
  return { adapter, log, cwd, scratch, death: died.promise, start, run: code => start(code).ended }
}

let runs = 0

function begin(adapter: ChildAdapter, log: RunLog, code: string): Started {
  const events: KernelEvent[] = []
  const looking: (() => void)[] = []
  log.onFrame = (run, frame) => {
    events.push(JSON.parse(frame.toString('utf8', 4)).event as KernelEvent)
    setImmediate(() => log.ack(run.id, run.last))
    for (const look of looking) look()
  }
  const when = (fits: (event: KernelEvent) => boolean) =>
    new Promise<KernelEvent>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no such event: ${JSON.stringify(events.slice(-9))}`)), withinMs)
      const look = () => {
        const found = events.find(fits)
        if (found === undefined) return
        clearTimeout(timer)
        resolve(found)
      }
      looking.push(look)
      look()
    })
  const ended = when(({ type }) => terminal.has(type)).then(() => events)
  const run = new Run(`run-${++runs}`, code, 'demo')
  log.begin(run)
  adapter.execute(run)
  return { events, ended, when }
}

export function textOf(events: readonly KernelEvent[], kind: 'stdout' | 'stderr'): string {
  return events.map(event => (event.type === kind ? event.text : '')).join('')
}
