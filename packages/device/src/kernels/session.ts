/**
 * A session as the daemon sees it. Its host may end at any moment: then a new one is started, which takes up the living
 * kernel and the journal, and what was under way goes on by run id and sequence number.
 */
import { join } from 'node:path'
import {
  type Completions,
  completionsSchema,
  type Inspection,
  inspectionSchema,
  type Variables,
  variablesSchema,
} from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { AssetId, Fence, RunId } from '@meshbook/core/ids.ts'
import { isTerminal } from '@meshbook/core/run.ts'
import * as v from 'valibot'
import { readAsset } from './display-parts.ts'
import type { HostLink } from './host-link.ts'
import {
  forkedKernelSchema,
  type HostRequest,
  type HostState,
  hostStateSchema,
  kernelShapeSchema,
  savedVariablesSchema,
} from './host-protocol.ts'
import type {
  ExecuteOrder,
  ForkedKernel,
  JournalEvent,
  KernelSession,
  KernelShape,
  SavedStart,
  SavedVariables,
  SessionSpec,
} from './port.ts'

const tries = 3

/** How a session gets a connection to its host, starting one if it must. */
export interface HostDoor {
  open(spec: SessionSpec, onDown: (reason: string) => void): Promise<{ link: HostLink; state: HostState }>
  /** The specification that a later host starts from. */
  save(spec: SessionSpec): Promise<void>
  folder: string
  /** A name that nobody else gives. */
  newName(): string
  onDown(reason: string): void
}

export class HostedSession implements KernelSession {
  #spec: SessionSpec
  #door: HostDoor
  #link: HostLink | undefined
  #opening: Promise<HostLink> | undefined
  #kernelName = ''
  #closed = false
  /** What the host said last: after `open` and `state`. */
  state: HostState | undefined

  constructor(spec: SessionSpec, door: HostDoor) {
    this.#spec = spec
    this.#door = door
  }

  get spec(): SessionSpec {
    return this.#spec
  }

  get kernelName(): string {
    return this.#kernelName
  }

  /** Starts or replaces the host if need be; of several callers one does it. */
  open(): Promise<HostLink> {
    if (this.#closed) return Promise.reject(new MeshError('SHUTTING_DOWN'))
    if (this.#link?.isOpen) return Promise.resolve(this.#link)
    this.#opening ??= this.#connect().finally(() => (this.#opening = undefined))
    return this.#opening
  }

  async #connect(): Promise<HostLink> {
    const { link, state } = await this.#door.open(this.#spec, reason => this.#door.onDown(reason))
    if (this.#closed) {
      link.close()
      throw new MeshError('SHUTTING_DOWN')
    }
    this.#link = link
    this.#took(state)
    return link
  }

  #took(state: HostState): void {
    this.state = state
    this.#kernelName = state.kernel
  }

  /** All requests are idempotent, so one whose answer was lost with its host is asked again. */
  async #request(request: HostRequest): Promise<unknown> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await (await this.open()).request(request)
      } catch (error) {
        if (!isGone(error) || attempt === tries || this.#closed) throw error
      }
    }
  }

  /** It has a kernel, or is about to have one. */
  get isLive(): boolean {
    return this.state?.alive !== false
  }

  /** Its kernel has ended by itself. */
  noteDown(): void {
    if (this.state) this.state = { ...this.state, alive: false }
  }

  async start(spec: SessionSpec): Promise<void> {
    this.#spec = spec
    await this.#door.save(spec)
    this.#took(v.parse(hostStateSchema, await this.#request({ type: 'start', spec })))
  }

  /** Of a session that is there already, all stays as it is unless it works. */
  async startSaved(spec: SessionSpec, saved: SavedStart): Promise<void> {
    if (this.state === undefined) await this.#door.save(spec)
    const [from] = await Promise.all([saved.from, this.open()])
    const state = await this.#request({ type: 'start', spec, saved: { ...saved, from } })
    this.#spec = spec
    await this.#door.save(spec)
    this.#took(v.parse(hostStateSchema, state))
  }

  async execute({ run, fence, code, cellName, timeoutMs }: ExecuteOrder): Promise<void> {
    const most = timeoutMs === undefined ? {} : { timeoutMs }
    await this.#request({ type: 'execute', order: { run, fence, code, cellName, ...most } })
  }

  async *events(run: RunId, after: number, signal: AbortSignal): AsyncGenerator<JournalEvent> {
    let last = after
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        for await (const each of (await this.open()).events(run, last, signal)) {
          last = each.seq
          attempt = 1
          yield each
          if (isTerminal(each.event)) return
        }
        return
      } catch (error) {
        if (!isGone(error) || attempt === tries || this.#closed) throw error
      }
    }
  }

  async input(run: RunId, request: string | undefined, text: string): Promise<void> {
    await this.#request({ type: 'input', run, text, ...(request === undefined ? {} : { request }) })
  }

  async cancel(run: RunId, reason: string): Promise<void> {
    await this.#request({ type: 'cancel', run, reason: reason.slice(0, 1000) })
  }

  async complete(code: string, cursor: number): Promise<Completions> {
    return v.parse(completionsSchema, await this.#request({ type: 'complete', code, cursor }))
  }

  async inspect(code: string, cursor: number): Promise<Inspection> {
    return v.parse(inspectionSchema, await this.#request({ type: 'inspect', code, cursor }))
  }

  async variables(): Promise<Variables> {
    return v.parse(variablesSchema, await this.#request({ type: 'variables' }))
  }

  async restart(fence: Fence): Promise<void> {
    const spec = { ...this.#spec, fence }
    await this.#door.save(spec)
    this.#spec = spec
    this.#took(v.parse(hostStateSchema, await this.#request({ type: 'restart', fence })))
  }

  async shutdown(): Promise<void> {
    await this.#request({ type: 'shutdown' })
    this.#link?.close()
    this.#link = undefined
    this.noteDown()
  }

  async shape(): Promise<KernelShape> {
    return v.parse(kernelShapeSchema, await this.#request({ type: 'shape' }))
  }

  async fork(): Promise<ForkedKernel> {
    return v.parse(forkedKernelSchema, await this.#once({ type: 'fork' }))
  }

  async save(folder: string): Promise<SavedVariables> {
    return v.parse(savedVariablesSchema, await this.#once({ type: 'save', folder }))
  }

  async hold(maxMs: number): Promise<{ release(): Promise<void> }> {
    const hold = this.#door.newName()
    await this.#request({ type: 'hold', hold, maxMs })
    return {
      release: async () => {
        await this.#request({ type: 'release', hold })
      },
    }
  }

  /** A host that goes away in the middle may leave half of it: whoever asked begins anew. */
  async #once(request: HostRequest): Promise<unknown> {
    try {
      return await (await this.open()).request(request)
    } catch (error) {
      if (!isGone(error)) throw error
      throw new MeshError('SNAPSHOT_FAILED', { detail: 'the host of the session went away', cause: error })
    }
  }

  async forget(run: RunId): Promise<void> {
    await this.#request({ type: 'forget', run })
  }

  asset(id: AssetId): Promise<Uint8Array> {
    return readAsset(join(this.#door.folder, 'assets'), id)
  }

  /** Leaves the host alone with the session. */
  close(): void {
    this.#closed = true
    this.#link?.close()
  }
}

function isGone(error: unknown): boolean {
  return error instanceof MeshError && error.code === 'UNREACHABLE'
}
