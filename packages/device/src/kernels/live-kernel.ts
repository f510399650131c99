/**
 * The kernel process of a session: starts it, takes up a living one that an earlier host has started, or one that was
 * restored here; tells its events and its end. What runs in it is the session's business.
 */

import { existsSync } from 'node:fs'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { RandomBytes } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import * as v from 'valibot'
import { readJson, writeJson } from './files.ts'
import { KernelClient, type KernelHandlers } from './kernel-client.ts'
import { type Launched, lastWords, launch, type RuntimeAt } from './launch.ts'
import type { SavedKernel } from './port.ts'
import { identityOf, isAlive } from './process-identity.ts'
import {
  firstChildOf,
  killKnown,
  killOthers,
  killTree,
  killUnder,
  numberHere,
  processesOf,
  processesUnder,
  rootOf,
} from './process-tree.ts'

const exitWaitMs = 200
const aliveCheckMs = 50
const shutdownMs = 1500
const startTries = 3
/** A restored kernel is dead when it does not listen; its root, a shell, may live on. */
const restoredConnectMs = 2000

const known = v.object({ pid: v.number(), identity: v.string() })
const kernelFileSchema = v.object({
  id: v.string(),
  ...known.entries,
  address: v.string(),
  port: v.number(),
  token: v.string(),
  kernel: v.string(),
  /** Carried by its processes; a restored one has another's. */
  mark: v.optional(v.string()),
  scratch: v.optional(v.string(), ''),
  ownNamespace: v.optional(v.boolean(), false),
  /** Of a restored kernel: the process to which all of it belong. */
  root: v.optional(known),
  /** The file that tells who watches over a restored kernel that it is somebody's. */
  adopted: v.optional(v.string()),
  /** The root of the restored kernel whose place it took. */
  replaced: v.optional(known),
  /** What its first run says before anything else. */
  notice: v.optional(v.string()),
})
type KernelFile = v.InferOutput<typeof kernelFileSchema>
type Image = SavedKernel & { kind: 'image' }

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

const loadedSchema = v.object({ lost: v.array(v.object({ name: v.string(), reason: v.string() })) })

export async function readKernelFile(folder: string): Promise<KernelFile | undefined> {
  const parsed = v.safeParse(kernelFileSchema, await readJson(join(folder, 'kernel.json')))
  return parsed.success ? parsed.output : undefined
}

export class LiveKernel {
  readonly id: string
  readonly name: string
  readonly client: KernelClient
  /** Of the connection: what ends with it is told to these. */
  readonly handlers: KernelHandlers
  readonly #place: KernelPlace
  #file: KernelFile
  readonly #exit: Promise<string> | undefined

  private constructor(
    place: KernelPlace,
    file: KernelFile,
    handlers: KernelHandlers,
    client: KernelClient,
    exit: Promise<string> | undefined,
  ) {
    this.#place = place
    this.#file = file
    this.id = file.id
    this.name = file.kernel
    this.handlers = handlers
    this.client = client
    this.#exit = exit
  }

  /** A fresh one, which is the session's from here on. */
  static async start(place: KernelPlace, handlers: KernelHandlers): Promise<LiveKernel> {
    await sweepScratch(place.folder)
    const kernel = await LiveKernel.#started(place, handlers)
    await kernel.#write()
    return kernel
  }

  static async #started(place: KernelPlace, handlers: KernelHandlers): Promise<LiveKernel> {
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
      return new LiveKernel(place, fileOf(launched, client.hello.kernel), handlers, client, exit)
    } catch (cause) {
      await killTree(launched.mark, launched.pid)
      const why = ended.signal.aborted ? `it ended at its start: ${await exit}` : (cause as Error).message
      await rm(launched.scratch, { recursive: true, force: true })
      throw new MeshError('KERNEL_START', { detail: why, cause })
    }
  }

  /** A fresh one with the variables of a folder. It is nobody's until it takes a place. */
  static async load(place: KernelPlace, folder: string, handlers: KernelHandlers): Promise<LiveKernel> {
    const kernel = await LiveKernel.#started(place, handlers)
    try {
      if (!kernel.client.hello.saves) throw new MeshError('RESTORE_FAILED', { detail: `${kernel.name} cannot load it` })
      const answer = await kernel.client.request('load', { folder }, place.limits.snapshotCaptureMs)
      const { lost } = v.parse(loadedSchema, answer)
      const reasons = lost.map(({ name, reason }) => `${name} (${reason})`)
      if (lost.length > 0) kernel.addNotice(`Not restored here: ${reasons.join(', ')}.`)
      return kernel
    } catch (cause) {
      await kernel.kill()
      throw cause
    }
  }

  /** One that was restored from an image and listens. It is nobody's until it takes a place; if it fails, it is ended. */
  static async adopt(place: KernelPlace, image: Image, handlers: KernelHandlers): Promise<LiveKernel> {
    const root = await rootOf(image.pid)
    try {
      const { pid, identity, address, port, token, scratch = '', adopted } = image
      const id = Buffer.from(place.random(12)).toString('hex')
      const client = await connectWhileAlive(place, image, handlers, place.limits.kernelStartMs)
      const file = { id, pid, identity, address, port, token, scratch, root, adopted, ownNamespace: false }
      return new LiveKernel(place, { ...file, kernel: client.hello.kernel }, handlers, client, undefined)
    } catch (cause) {
      await killUnder(root)
      throw cause
    }
  }

  /** The living kernel of an earlier host; undefined if it has ended or does not answer, in which case it is ended. */
  static async takeUp(place: KernelPlace, handlers: KernelHandlers): Promise<LiveKernel | undefined> {
    const file = await readKernelFile(place.folder)
    const kernel = file && (await LiveKernel.#connect(place, file, handlers, undefined))
    if (!kernel) {
      // An earlier host may have ended between the start of its kernel and the note of it.
      await endKernels(place)
      return undefined
    }
    // Or while one kernel took the place of another.
    if (file.replaced) await killUnder(file.replaced)
    if (file.mark !== undefined || file.root) await killOthers(place.mark, file.mark)
    await kernel.#tellAdopted()
    return kernel
  }

  static async #connect(
    place: KernelPlace,
    file: KernelFile,
    handlers: KernelHandlers,
    exit: Promise<string> | undefined,
  ): Promise<LiveKernel | undefined> {
    const ms = file.root ? Math.min(restoredConnectMs, place.limits.kernelRequestMs) : place.limits.kernelRequestMs
    try {
      const client = await connectWhileAlive(place, file, handlers, ms)
      return new LiveKernel(place, file, handlers, client, exit)
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
      return undefined
    }
  }

  get pid(): number {
    return this.#file.pid
  }

  get scratch(): string {
    return this.#file.scratch
  }

  get address(): string {
    return this.#file.address
  }

  get port(): number {
    return this.#file.port
  }

  get token(): string {
    return this.#file.token
  }

  /** Of a restored kernel: the process to which all of it belong. */
  get root(): { pid: number; identity: string } | undefined {
    return this.#file.root
  }

  /** It was made of this image. */
  isOf({ pid, identity }: Image): boolean {
    return this.#file.pid === pid && this.#file.identity === identity
  }

  /** What the user should know of which kernel it is, until a run has said it. */
  get notice(): string | undefined {
    return this.#file.notice
  }

  addNotice(text: string): void {
    const both = this.notice === undefined ? text : `${text}\n${this.notice}`
    this.#file = { ...this.#file, notice: both.slice(0, this.#place.limits.problemTextChars).toWellFormed() }
  }

  async noticeSaid(): Promise<void> {
    if (this.notice === undefined) return
    const { notice: _said, ...file } = this.#file
    this.#file = file
    await this.#write()
  }

  #write(): Promise<void> {
    return writeJson(join(this.#place.folder, 'kernel.json'), this.#file)
  }

  /** From here on it is the session's kernel, also for a later host. The one before is still to be ended. */
  async takePlaceOf(before: LiveKernel | undefined): Promise<void> {
    if (before?.root) this.#file = { ...this.#file, replaced: before.root }
    await this.#write()
    await this.#tellAdopted()
  }

  /** After it is noted whose it is, and again when it is taken up: in between the host may have been killed. */
  async #tellAdopted(): Promise<void> {
    const { adopted } = this.#file
    if (adopted === undefined || !existsSync(dirname(adopted))) return
    await writeFile(adopted, '', { mode: 0o600 })
  }

  /** For whoever dumps it: where it stands among the processes of this machine; `told` is what it says of itself. */
  async standing(told: number | undefined): Promise<{ pid: number; ownNamespace: boolean }> {
    const { pid, ownNamespace, root } = this.#file
    if (root) {
      // Of a restored copy the first process is somebody who looks after it.
      const own = told === undefined ? undefined : await numberHere(told, root.pid)
      return own === undefined || told === 1
        ? { pid: root.pid, ownNamespace: await isFirst(root.pid) }
        : { pid: own, ownNamespace: false }
    }
    const first = ownNamespace ? await firstChildOf(pid) : undefined
    return first === undefined ? { pid, ownNamespace: false } : { pid: first, ownNamespace }
  }

  /** What the kernel calls `pid`, as this machine numbers it. */
  numberHere(pid: number): Promise<number | undefined> {
    return numberHere(pid, this.#file.pid)
  }

  processes(): Promise<number[]> {
    const { root, mark = this.#place.mark, pid } = this.#file
    return root ? processesUnder(root.pid) : processesOf(mark, pid)
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
    const told = (await Promise.race([this.#exit ?? later, later])) ?? (await lastWords(this.scratch))
    return told ?? 'the kernel process ended'
  }

  /** Asks it to end, then ends it and everything it has started. */
  async end(restart: boolean): Promise<void> {
    // What has cleared its environment is known by its parents, which may be gone afterwards.
    const before = await this.processes()
    const known = await Promise.all(before.map(async pid => ({ pid, identity: (await identityOf(pid)) ?? '' })))
    const polite = this.client.request('shutdown', { restart }).catch(() => undefined)
    await Promise.race([polite.then(() => this.#exit), new Promise(resolve => setTimeout(resolve, shutdownMs))])
    await this.kill()
    await killKnown(known)
  }

  /** With everything it has started, and its files. */
  async kill(): Promise<void> {
    this.client.close()
    const { root, mark = this.#place.mark, pid, scratch } = this.#file
    refuse(await (root ? killUnder(root) : killTree(mark, pid)))
    const current = await readKernelFile(this.#place.folder)
    if (current?.id === this.id) await rm(join(this.#place.folder, 'kernel.json'), { force: true })
    if (scratch !== '') await rm(scratch, { recursive: true, force: true })
  }
}

function fileOf(launched: Launched, kernel: string): KernelFile {
  const { exit: _exit, notice, ...file } = launched
  return { ...file, kernel, ...(notice !== undefined && { notice }) }
}

async function isFirst(pid: number): Promise<boolean> {
  return (await numberHere(1, pid)) === pid && pid !== 1
}

async function connectWhileAlive(
  place: KernelPlace,
  kernel: { pid: number; identity: string; address: string; port: number; token: string },
  handlers: KernelHandlers,
  ms: number,
): Promise<KernelClient> {
  const ended = new AbortController()
  const watch = setInterval(async () => (await isAlive(kernel)) || ended.abort(), aliveCheckMs)
  try {
    if (!(await isAlive(kernel))) throw new MeshError('KERNEL_DIED')
    const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(ms)])
    return await KernelClient.connect(kernel, place.limits, handlers, signal)
  } finally {
    clearInterval(watch)
  }
}

/** Files of kernels that are no more. */
async function sweepScratch(folder: string): Promise<void> {
  const current = await readKernelFile(folder)
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    if (name.startsWith('scratch') && path !== current?.scratch) await rm(path, { recursive: true, force: true })
  }
}

function refuse(left: readonly number[]): void {
  if (left.length > 0) throw new MeshError('INTERNAL', { detail: `processes ${left.join(', ')} could not be ended` })
}

/** Ends what is left of a session's kernels and removes their files. */
export async function endKernels({ folder, mark }: { folder: string; mark: string }): Promise<void> {
  const file = await readKernelFile(folder)
  for (const restored of [file?.root, file?.replaced]) if (restored) refuse(await killUnder(restored))
  refuse(await killTree(mark, file && (await isAlive(file)) ? file.pid : undefined))
  await rm(join(folder, 'kernel.json'), { force: true })
  for (const name of await readdir(folder).catch(() => []))
    if (name.startsWith('scratch')) await rm(join(folder, name), { recursive: true, force: true })
}
