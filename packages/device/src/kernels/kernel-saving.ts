/** What a kernel is asked by whoever saves its session (KN50 to KN53), and what it answers, as this machine knows it. */
import { rm } from 'node:fs/promises'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import * as v from 'valibot'
import type { LiveKernel } from './live-kernel.ts'
import type { ForkedKernel, KernelShape, SavedVariables } from './port.ts'
import { identityOf, isAlive } from './process-identity.ts'

const copyCheckMs = 1000
const nameUnits = 200

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const counts = { threads: count, children: count }
const stateSchema = v.object({ ...counts, pid: v.optional(count) })
const said = {
  pauseMs: v.pipe(v.number(), v.minValue(0)),
  variables: v.array(v.object({ name: v.string(), type: v.string(), bytes: v.optional(count) })),
  more: count,
}
const forkedSchema = v.object({
  ...said,
  ...counts,
  pid: v.pipe(count, v.minValue(1)),
  watches: v.pipe(v.string(), v.regex(/^\/dev\/shm\/meshbook-[0-9a-f]{16,64}$/)),
})
const savedSchema = v.object({ ...said, lost: v.array(v.object({ name: v.string(), reason: v.string() })) })

export class KernelSaving {
  readonly #limits: Limits
  readonly #onDone: () => void
  #standing = 0

  /** `onDone`: runs may begin that could not while the kernel stood still. */
  constructor(limits: Limits, onDone: () => void) {
    this.#limits = limits
    this.#onDone = onDone
  }

  /** A kernel that cannot copy itself takes no run until it has written everything. */
  get isStanding(): boolean {
    return this.#standing > 0
  }

  async shapeOf(kernel: LiveKernel): Promise<Omit<KernelShape, 'lastRun' | 'running'>> {
    const { forks, saves, version } = kernel.client.hello
    const state = v.safeParse(stateSchema, await kernel.client.request('state').catch(unknown))
    const { threads, children, pid } = state.success ? state.output : { threads: 0, children: 0 }
    const { address, port, token, scratch } = kernel
    return { ...(await kernel.standing(pid)), forks, saves, threads, children, address, port, token, scratch, version }
  }

  async fork(kernel: LiveKernel): Promise<Omit<ForkedKernel, 'lastRun'>> {
    if (!kernel.client.hello.forks) throw failed(`${kernel.name} cannot copy itself`)
    const forked = await this.#ask(kernel, 'fork', {}, forkedSchema)
    const pid = await kernel.numberHere(forked.pid)
    const identity = pid === undefined ? undefined : await identityOf(pid)
    if (pid === undefined || identity === undefined) throw failed('the copy of the kernel ended at once')
    void removeAfter({ pid, identity }, forked.watches)
    return { ...forked, ...this.#bounded(forked), pid, identity }
  }

  async save(kernel: LiveKernel, folder: string): Promise<Omit<SavedVariables, 'lastRun'>> {
    const { forks, saves } = kernel.client.hello
    if (!saves) throw failed(`${kernel.name} cannot save its variables`)
    if (!forks) this.#standing++
    try {
      const saved = await this.#ask(kernel, 'save', { folder }, savedSchema)
      return { ...saved, ...this.#bounded(saved) }
    } finally {
      if (!forks) this.#standing--
      if (!this.isStanding) this.#onDone()
    }
  }

  async #ask<T>(kernel: LiveKernel, type: string, fields: object, schema: v.GenericSchema<unknown, T>): Promise<T> {
    try {
      return v.parse(schema, await kernel.client.request(type, fields, this.#limits.snapshotCaptureMs))
    } catch (cause) {
      if (cause instanceof MeshError && cause.code === 'CONFLICT') throw cause
      throw failed((cause as Error).message, cause)
    }
  }

  #bounded({ variables, more }: Pick<SavedVariables, 'variables' | 'more'>) {
    const shown = variables.slice(0, this.#limits.snapshotShownVariables)
    const cut = (text: string) => text.slice(0, nameUnits).toWellFormed()
    return {
      variables: shown.map(each => ({ ...each, name: cut(each.name), type: cut(each.type) })),
      more: more + variables.length - shown.length,
    }
  }
}

/** A kernel that is not asked this has no answer. */
function unknown(): undefined {
  return undefined
}

function failed(detail: string, cause?: unknown): MeshError {
  return new MeshError('SNAPSHOT_FAILED', { detail, cause })
}

/** The folder that a copy watches is of no use once it has been dumped, or has ended. */
async function removeAfter(copy: { pid: number; identity: string }, folder: string): Promise<void> {
  while (await isAlive(copy)) await new Promise(resolve => setTimeout(resolve, copyCheckMs))
  await rm(folder, { recursive: true, force: true })
}
