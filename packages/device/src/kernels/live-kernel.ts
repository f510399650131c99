/**
 * The kernel process of a session: starts it, or takes up a living one that an earlier host has started; tells its
 * events and its end. What runs in it is the session's business.
 */

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { RandomBytes } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import * as v from 'valibot'
import { readJson, writeJson } from './files.ts'
import { KernelClient, type KernelHandlers } from './kernel-client.ts'
import { lastWords, launch, type RuntimeAt } from './launch.ts'
import { identityOf, isAlive } from './process-identity.ts'
import { killKnown, killTree, processesOf } from './process-tree.ts'

const exitWaitMs = 200
const aliveCheckMs = 50
const shutdownMs = 1500
const startTries = 3

const kernelFileSchema = v.object({
  id: v.string(),
  pid: v.number(),
  identity: v.string(),
  address: v.string(),
  port: v.number(),
  token: v.string(),
  kernel: v.string(),
})
type KernelFile = v.InferOutput<typeof kernelFileSchema>

export interface KernelPlace {
  folder: string
  /** Carried by every process of the session. */
  mark: string
  language: string
  kernelspec?: string | undefined
  projectFolder: string
  env: NodeJS.ProcessEnv
  limits: Limits
  nodePath: string
  random: RandomBytes
  runtime?: RuntimeAt
}

export async function readKernelFile(folder: string): Promise<KernelFile | undefined> {
  const parsed = v.safeParse(kernelFileSchema, await readJson(join(folder, 'kernel.json')))
  return parsed.success ? parsed.output : undefined
}

export class LiveKernel {
  readonly id: string
  readonly name: string
  readonly client: KernelClient
  #place: KernelPlace
  #file: KernelFile
  #exit: Promise<string> | undefined
  /** What the user should know of which kernel it is; of one that was just started. */
  notice: string | undefined

  private constructor(place: KernelPlace, file: KernelFile, client: KernelClient, exit: Promise<string> | undefined) {
    this.#place = place
    this.#file = file
    this.id = file.id
    this.name = file.kernel
    this.client = client
    this.#exit = exit
  }

  static async start(place: KernelPlace, handlers: KernelHandlers): Promise<LiveKernel> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await LiveKernel.#start(place, handlers)
      } catch (error) {
        // Its address may have been taken by another session's: the next has another.
        if (!(error instanceof MeshError) || error.code !== 'KERNEL_START' || attempt === startTries) throw error
      }
    }
  }

  static async #start(place: KernelPlace, handlers: KernelHandlers): Promise<LiveKernel> {
    const launched = await launch(place)
    const ended = new AbortController()
    const exit = launched.exit.finally(() => ended.abort())
    try {
      const client = await KernelClient.connect(launched, place.limits, handlers, ended.signal)
      const { pid, identity, address, port, token } = launched
      const id = Buffer.from(place.random(12)).toString('hex')
      const file = { id, pid, identity, address, port, token, kernel: client.kernel }
      await writeJson(join(place.folder, 'kernel.json'), file)
      const kernel = new LiveKernel(place, file, client, exit)
      kernel.notice = launched.notice
      return kernel
    } catch (cause) {
      await killTree(place.mark, launched.pid)
      const why = ended.signal.aborted ? `it ended at its start: ${await exit}` : (cause as Error).message
      throw new MeshError('KERNEL_START', { detail: why, cause })
    }
  }

  /** The living kernel of an earlier host; undefined if it has ended or does not answer, in which case it is ended. */
  static async takeUp(place: KernelPlace, handlers: KernelHandlers): Promise<LiveKernel | undefined> {
    const file = await readKernelFile(place.folder)
    if (file) return LiveKernel.#connect(place, file, handlers, undefined)
    // An earlier host may have ended between the start of its kernel and the note of it.
    await forgetKernel(place, undefined)
    return undefined
  }

  static async #connect(
    place: KernelPlace,
    file: KernelFile,
    handlers: KernelHandlers,
    exit: Promise<string> | undefined,
  ): Promise<LiveKernel | undefined> {
    const ended = new AbortController()
    const watch = setInterval(async () => (await isAlive(file)) || ended.abort(), aliveCheckMs)
    try {
      if (!(await isAlive(file))) throw new MeshError('KERNEL_DIED')
      const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(place.limits.kernelRequestMs)])
      return new LiveKernel(place, file, await KernelClient.connect(file, place.limits, handlers, signal), exit)
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
      await forgetKernel(place, file.pid)
      return undefined
    } finally {
      clearInterval(watch)
    }
  }

  get pid(): number {
    return this.#file.pid
  }

  /**
   * After the connection has ended: the same kernel over a new one, or how it ended, in words. A process that has just
   * been killed may still be seen for a moment, so its end is waited for first.
   */
  async reconnect(handlers: KernelHandlers): Promise<LiveKernel | string> {
    const later = new Promise<undefined>(resolve => setTimeout(resolve, exitWaitMs))
    const how = await Promise.race([this.#exit ?? later, later])
    if (how !== undefined) return how
    const again = await LiveKernel.#connect(this.#place, this.#file, handlers, this.#exit)
    if (again) return again
    const told = (await Promise.race([this.#exit ?? later, later])) ?? (await lastWords(this.#place.folder))
    return told ?? 'the kernel process ended'
  }

  /** Asks it to end, then ends it and everything it has started. */
  async end(restart: boolean): Promise<void> {
    // What has cleared its environment is known by its parents, which may be gone afterwards.
    const before = await processesOf(this.#place.mark, this.#file.pid)
    const known = await Promise.all(before.map(async pid => ({ pid, identity: (await identityOf(pid)) ?? '' })))
    const polite = this.client.request('shutdown', { restart }).catch(() => undefined)
    await Promise.race([polite.then(() => this.#exit), new Promise(resolve => setTimeout(resolve, shutdownMs))])
    await this.kill()
    await killKnown(known)
  }

  async kill(): Promise<void> {
    this.client.close()
    await forgetKernel(this.#place, this.#file.pid)
  }
}

/** Ends what is left of a kernel's processes and removes its files. */
export async function forgetKernel(
  { folder, mark }: { folder: string; mark: string },
  pid: number | undefined,
): Promise<void> {
  const left = await killTree(mark, pid)
  if (left.length > 0) throw new MeshError('INTERNAL', { detail: `processes ${left.join(', ')} could not be ended` })
  for (const name of ['kernel.json', 'kernel-config.json']) await rm(join(folder, name), { force: true })
}
