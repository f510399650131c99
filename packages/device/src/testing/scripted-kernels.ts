/**
 * A second implementation of the kernel port, without processes: its "language" is a few commands, one a line. What is
 * journaled lives in a `ScriptedMachine`, which survives a restart of the daemon as kernel hosts do.
 *
 *     set NAME VALUE · show NAME · print TEXT · write TEXT (no line end) · sleep MS · input PROMPT · password PROMPT · image · result TEXT · fail MESSAGE · forever
 */
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KernelPolicy } from '@meshbook/core/device-policy.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { type AssetId, parseAssetId, parseSeq, type RunId, type SessionId } from '@meshbook/core/ids.ts'
import { isTerminal, type RunEvent } from '@meshbook/core/run.ts'
import * as v from 'valibot'
import type {
  ExecuteOrder,
  ForkedKernel,
  JournalEvent,
  KernelSession,
  KernelSessions,
  KernelShape,
  RecoveredSession,
  ResumedRun,
  SavedKernel,
  SavedStart,
  SavedVariables,
  SessionSpec,
} from '../kernels/port.ts'

interface ScriptedRun {
  order: ExecuteOrder
  events: RunEvent[]
  input: ((text: string) => void) | undefined
  cancelled: string | undefined
  /** The number before that of its first event, and how many lines were done elsewhere. */
  seqBefore: number
  linesDone: number
}

const namesSchema = v.record(v.string(), v.string())

/** A picture of one pixel. */
export const pixel = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

export class ScriptedMachine {
  readonly sessions = new Map<SessionId, ScriptedSession>()
  /** How often each run was really executed. */
  readonly executions = new Map<RunId, number>()
  stopped = false
  /** A kernel takes as long to start. */
  starting: () => Promise<unknown> = () => Promise.resolve()
  policy: KernelPolicy | undefined
  /** Names of copies that wait to be dumped, and of what was made of them, by process id. */
  readonly copies = new Map<number, ReadonlyMap<string, string>>()
  #pid = 1_000_000

  copy(names: ReadonlyMap<string, string>): number {
    this.copies.set(++this.#pid, new Map(names))
    return this.#pid
  }

  /** What was saved, or RESTORE_FAILED. */
  async open(from: SavedKernel): Promise<ReadonlyMap<string, string>> {
    try {
      if (from.kind === 'portable')
        return new Map(
          Object.entries(v.parse(namesSchema, JSON.parse(await readFile(join(from.folder, 'manifest.json'), 'utf8')))),
        )
      const names = this.copies.get(from.pid)
      if (names) return names
    } catch (cause) {
      throw new MeshError('RESTORE_FAILED', { detail: String(cause), cause })
    }
    throw new MeshError('RESTORE_FAILED', { detail: `there is no process ${from.pid}` })
  }
}

export class ScriptedKernels implements KernelSessions {
  readonly machine: ScriptedMachine
  readonly #languages: readonly string[]
  #down: (session: SessionId, reason: string) => void = () => undefined

  constructor(machine = new ScriptedMachine(), languages = ['python']) {
    this.machine = machine
    this.#languages = languages
  }

  async runtimes() {
    return this.#languages.map(language => ({ language, kernel: 'Scripted', version: '1' }))
  }

  async missing(language: string) {
    return this.#languages.includes(language) ? undefined : `no ${language} here`
  }

  async start(spec: SessionSpec, saved?: SavedStart): Promise<KernelSession> {
    if (!this.#languages.includes(spec.language)) throw new MeshError('KERNEL_MISSING', { detail: spec.language })
    await this.machine.starting()
    const names = saved && (await this.machine.open(await saved.from))
    const known = this.machine.sessions.get(spec.session)
    if (known) known.spec = spec
    const session = known ?? new ScriptedSession(spec, this.machine)
    this.machine.sessions.set(spec.session, session)
    if (saved && names) session.restore(names, saved)
    return session
  }

  async recover(): Promise<RecoveredSession[]> {
    return [...this.machine.sessions.values()].map(session => ({ session, alive: true, runs: session.journaled() }))
  }

  onDown(listener: (session: SessionId, reason: string) => void): void {
    this.#down = listener
  }

  /** The kernel of a session dies by itself. */
  kill(id: SessionId, reason = 'killed'): void {
    this.machine.sessions.get(id)?.die()
    this.machine.sessions.delete(id)
    this.#down(id, reason)
  }

  async setPolicy(policy: KernelPolicy): Promise<void> {
    this.machine.policy = policy
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  async stopAll(): Promise<void> {
    this.machine.stopped = true
    for (const session of this.machine.sessions.values()) session.die()
  }
}

function freshRun(order: ExecuteOrder): ScriptedRun {
  return { order, events: [], input: undefined, cancelled: undefined, seqBefore: 0, linesDone: 0 }
}

/** A terminal event is the last one. */
function isOver({ events }: Pick<ScriptedRun, 'events'>): boolean {
  const last = events.at(-1)
  return last !== undefined && isTerminal(last)
}

class ScriptedSession implements KernelSession {
  spec: SessionSpec
  readonly kernelName = 'Scripted 1'
  readonly #machine: ScriptedMachine
  readonly #runs = new Map<RunId, ScriptedRun>()
  readonly #assets = new Map<string, Uint8Array>()
  #wake = Promise.withResolvers<void>()
  #turn: Promise<void> = Promise.resolve()
  #names = new Map<string, string>()
  #notice: string | undefined
  #active: ScriptedRun | undefined
  #lastRun: RunId | null = null
  readonly #holds = new Set<() => void>()
  #free = Promise.withResolvers<void>()

  constructor(spec: SessionSpec, machine: ScriptedMachine) {
    this.spec = spec
    this.#machine = machine
  }

  journaled() {
    return [...this.#runs].map(([run, { order, events, seqBefore }]) => ({
      run,
      fence: order.fence,
      seq: seqBefore + events.length,
      ended: isOver({ events }),
    }))
  }

  restore(names: ReadonlyMap<string, string>, { notice, resume }: SavedStart): void {
    this.die()
    this.#names = new Map(names)
    this.#notice = notice
    if (resume && !this.#runs.has(resume.order.run)) this.#resume(resume)
  }

  #resume({ order, seq, fromSeq, kernelEvents }: ResumedRun): void {
    const run = { ...freshRun(order), seqBefore: seq, linesDone: kernelEvents }
    this.#runs.set(order.run, run)
    this.#emit(run, { type: 'resumed', at: Date.now(), device: this.spec.device, fromSeq, lostAfter: seq })
    this.#turn = this.#turn.then(() => this.#perform(run))
  }

  async execute(order: ExecuteOrder): Promise<void> {
    const known = this.#runs.get(order.run)
    if (known && known.order.code !== order.code) throw new MeshError('RUN_EXISTS')
    if (known) {
      known.order = order
      return
    }
    const run = freshRun(order)
    this.#runs.set(order.run, run)
    this.#turn = this.#turn.then(() => this.#perform(run))
  }

  async #perform(run: ScriptedRun): Promise<void> {
    while (this.#holds.size > 0) await this.#free.promise
    this.#active = run
    await this.#lines(run)
    this.#active = undefined
    this.#lastRun = run.order.run
  }

  async #lines(run: ScriptedRun): Promise<void> {
    if (run.seqBefore === 0) this.#begin(run)
    for (const line of run.order.code.split('\n').slice(run.linesDone)) {
      if (isOver(run)) return
      if (run.cancelled !== undefined) break
      await this.#line(run, line)
      run.linesDone++
    }
    if (isOver(run)) return
    if (run.cancelled !== undefined)
      this.#emit(run, { type: 'cancelled', at: Date.now(), durationMs: 1, reason: run.cancelled })
    else this.#emit(run, { type: 'completed', at: Date.now(), durationMs: 1 })
  }

  #begin(run: ScriptedRun): void {
    this.#machine.executions.set(run.order.run, (this.#machine.executions.get(run.order.run) ?? 0) + 1)
    const notice = this.#notice
    this.#notice = undefined
    this.#emit(run, {
      type: 'started',
      at: Date.now(),
      device: this.spec.device,
      language: this.spec.language,
      kernel: this.kernelName,
      ...(notice !== undefined && { notice }),
    })
  }

  async #line(run: ScriptedRun, line: string): Promise<void> {
    const [, command = '', rest = ''] = /^(\w+)(?: (.*))?$/s.exec(line) ?? []
    const at = Date.now()
    const [name = '', value = ''] = rest.split(' ')
    if (command === 'set') this.#names.set(name, value)
    if (command === 'show') this.#emit(run, { type: 'stdout', at, text: `${this.#names.get(name) ?? 'undefined'}\n` })
    if (command === 'print') this.#emit(run, { type: 'stdout', at, text: `${rest}\n` })
    if (command === 'write')
      this.#emit(run, { type: 'stdout', at, text: rest.replaceAll('\\r', '\r').replaceAll('\\n', '\n') })
    if (command === 'sleep') await new Promise(resolve => setTimeout(resolve, Number(rest)))
    if (command === 'image')
      this.#emit(run, {
        type: 'display',
        at,
        parts: [
          { at: 'asset', mimeType: 'image/png', asset: this.#keep(pixel), bytes: pixel.byteLength },
          { at: 'inline', mimeType: 'text/plain', data: 'a pixel' },
        ],
      })
    if (command === 'result')
      this.#emit(run, { type: 'result', at, parts: [{ at: 'inline', mimeType: 'text/plain', data: rest }] })
    if (command === 'fail')
      this.#emit(run, {
        type: 'failed',
        at,
        durationMs: 1,
        error: { name: 'ValueError', message: rest, traceback: ['Traceback:', `ValueError: ${rest}`] },
      })
    if (command === 'input' || command === 'password') await this.#ask(run, rest, command === 'password')
    while (command === 'forever' && run.cancelled === undefined && !this.#machine.stopped && !isOver(run))
      await new Promise(resolve => setTimeout(resolve, 5))
  }

  async #ask(run: ScriptedRun, prompt: string, password: boolean): Promise<void> {
    const id = `input-${run.events.length}`
    const answer = new Promise<string>(resolve => {
      run.input = resolve
    })
    this.#emit(run, { type: 'input-request', at: Date.now(), id, prompt, password })
    const text = await answer
    if (run.cancelled !== undefined) return
    this.#emit(run, { type: 'input-answered', at: Date.now(), id })
    this.#emit(run, {
      type: 'stdout',
      at: Date.now(),
      text: password ? `${text.length} characters\n` : `got ${text}\n`,
    })
  }

  #keep(bytes: Uint8Array): AssetId {
    const id = parseAssetId(`sha256-${createHash('sha256').update(bytes).digest('hex')}`)
    this.#assets.set(id, bytes)
    return id
  }

  #emit(run: ScriptedRun, event: RunEvent): void {
    run.events.push(event)
    const { resolve } = this.#wake
    this.#wake = Promise.withResolvers()
    resolve()
  }

  async *events(id: RunId, after: number, signal: AbortSignal): AsyncGenerator<JournalEvent> {
    const run = this.#runs.get(id)
    if (!run) throw new MeshError('NOT_FOUND', { detail: id })
    const aborted = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
    for (let at = Math.max(0, after - run.seqBefore); !signal.aborted; at++) {
      while (at >= run.events.length && !signal.aborted) await Promise.race([this.#wake.promise, aborted])
      const event = run.events[at]
      if (!event || signal.aborted) return
      yield { run: id, fence: run.order.fence, seq: parseSeq(run.seqBefore + at + 1), event }
      if (isTerminal(event)) return
    }
  }

  async input(id: RunId, _input: string | undefined, text: string): Promise<void> {
    this.#runs.get(id)?.input?.(text)
  }

  async cancel(id: RunId, reason: string): Promise<void> {
    const run = this.#runs.get(id)
    if (!run) return
    run.cancelled = reason
    run.input?.('')
  }

  async complete(code: string, cursor: number) {
    return { from: 0, to: cursor, items: [{ label: `${code.slice(0, cursor)}…` }] }
  }

  async inspect() {
    return { found: false, text: '' }
  }

  async variables() {
    return { items: [{ name: 'x', type: 'int', preview: '1' }], truncated: false }
  }

  async restart(): Promise<void> {
    this.die()
    this.#names.clear()
  }

  async shape(): Promise<KernelShape> {
    const run = this.#active
    return {
      pid: process.pid,
      ownNamespace: false,
      forks: true,
      saves: true,
      threads: 0,
      children: 0,
      address: '127.0.0.1',
      port: 0,
      token: '',
      scratch: '',
      version: '1',
      lastRun: this.#lastRun,
      running: run ? { run: run.order.run, seq: run.seqBefore + run.events.length, kernelEvents: run.linesDone } : null,
    }
  }

  #betweenRuns(): {
    pauseMs: number
    lastRun: RunId | null
    variables: { name: string; type: string }[]
    more: number
  } {
    if (this.#active) throw new MeshError('CONFLICT', { detail: 'a run is in progress' })
    const variables = [...this.#names.keys()].map(name => ({ name, type: 'str' }))
    return { pauseMs: 1, lastRun: this.#lastRun, variables, more: 0 }
  }

  async fork(): Promise<ForkedKernel> {
    const said = this.#betweenRuns()
    const pid = this.#machine.copy(this.#names)
    return { ...said, pid, identity: `copy ${pid}`, threads: 0, children: 0, watches: '' }
  }

  async save(folder: string): Promise<SavedVariables> {
    const said = this.#betweenRuns()
    await writeFile(join(folder, 'manifest.json'), JSON.stringify(Object.fromEntries(this.#names)))
    return { ...said, lost: [] }
  }

  async hold(maxMs: number): Promise<{ release(): Promise<void> }> {
    const letGo = () => {
      clearTimeout(timer)
      this.#holds.delete(letGo)
      if (this.#holds.size > 0) return
      const { resolve } = this.#free
      this.#free = Promise.withResolvers()
      resolve()
    }
    const timer = setTimeout(letGo, maxMs)
    this.#holds.add(letGo)
    return { release: async () => letGo() }
  }

  async shutdown(): Promise<void> {
    this.die()
    this.#machine.sessions.delete(this.spec.session)
  }

  async forget(run: RunId): Promise<void> {
    this.#runs.delete(run)
  }

  async asset(id: AssetId): Promise<Uint8Array> {
    const bytes = this.#assets.get(id)
    if (!bytes) throw new MeshError('NOT_FOUND', { detail: id })
    return bytes
  }

  die(): void {
    for (const run of this.#runs.values()) {
      if (isOver(run)) continue
      const ended = { at: Date.now(), durationMs: 1 }
      if (run.cancelled !== undefined) this.#emit(run, { type: 'cancelled', ...ended, reason: run.cancelled })
      else this.#emit(run, { type: 'interrupted', ...ended, reason: 'the kernel ended' })
    }
  }
}
