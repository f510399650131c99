/** Sessions as images of their processes, by CRIU: the snapshot port's implementation for Linux (snapshots/SPEC.md, Image). */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { MeshError } from '@meshbook/core/errors.ts'
import type { RandomBytes } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { Inside, SnapshotFit } from '@meshbook/core/snapshot.ts'
import * as v from 'valibot'
import { choosePlace, kernelLimits } from '../../kernels/launch.ts'
import type { ForkedKernel, KernelSession, KernelShape, SavedKernel, SessionSpec } from '../../kernels/port.ts'
import { identityOf } from '../../kernels/process-identity.ts'
import type { Ability, Capture, CaptureOptions, OpenOptions, Plan, SnapshotBackend } from '../port.ts'
import { cpuFeatures, missingFeatures } from './cpu-features.ts'
import { type TreeEntry, treeOf } from './criu-images.ts'
import type { Criu } from './criu-run.ts'
import { type CriuFound, findCriu } from './criu-setup.ts'
import { openedNames } from './decode-image.ts'
import { type Dump, dump, dumpFolder, removeDump } from './dump.ts'
import { type DumpTarget, dumpTarget, residentBytes, seenAs } from './dump-target.ts'
import type { Encoded, EncodeOrder } from './encode-image.ts'
import { fileListSchema, type ImagePlan, imagePlanSchema } from './image-plan.ts'
import { lostIn, unfitProcess } from './lost-items.ts'
import { type Answers, runWorker } from './part-calls.ts'
import { makeWatched, type Restored, restore } from './restore.ts'
import { compareHere } from './restore-mounts.ts'

const tries = 3
const holdMs = 120_000
const connectMs = 30_000
const lookMs = 10

export interface ImageOptions {
  /** Where a CRIU of the device's own is (`criuFolder` of criu-setup.ts). */
  criuFolder: string
  /** Files that sessions have mapped, by their hash; for all of them, and for as long as one may be restored. */
  closureStore: string
  limits: Limits
  random: RandomBytes
}

export function createImageBackend(options: ImageOptions): SnapshotBackend {
  return new ImageBackend(options)
}

interface Taken {
  dump: Dump
  target: DumpTarget
  fork: ForkedKernel | undefined
  shape: KernelShape
  pauseMs: number
  seen: Seen
}

/** Folders as the session sees them, which may have come from elsewhere. */
interface Seen {
  scratch: string
  projectPaths: string[]
}

interface Dumping {
  criu: Criu
  folder: string
  whole: DumpTarget
  seen: Seen
}

class ImageBackend implements SnapshotBackend {
  readonly kind = 'image'
  readonly #options: ImageOptions
  #found: Promise<CriuFound> | undefined

  constructor(options: ImageOptions) {
    this.#options = options
  }

  async ability(): Promise<Ability> {
    const found = await this.#criu()
    return found.ok ? { ok: true, cpu: await cpuFeatures() } : found
  }

  /** What works is used for as long as this process lives; what does not is looked for anew, as it may be set up meanwhile. */
  async #criu(): Promise<CriuFound> {
    this.#found ??= findCriu(this.#options.criuFolder, AbortSignal.timeout(this.#options.limits.snapshotCaptureMs))
    const found = await this.#found
    if (!found.ok) this.#found = undefined
    return found
  }

  async unfit(session: KernelSession): Promise<string | undefined> {
    const found = await this.#criu()
    if (!found.ok) return found.why
    const { pid } = await session.shape()
    return unfitProcess(pid)
  }

  async capture(session: KernelSession, options: CaptureOptions): Promise<Capture> {
    const found = await this.#criu()
    if (!found.ok) throw new MeshError('SNAPSHOT_FAILED', { detail: found.why })
    const taken = await this.#taken(session, found.criu, options)
    try {
      return await this.#encoded(session, taken, options)
    } finally {
      await removeDump(taken.dump.folder)
    }
  }

  async #taken(session: KernelSession, criu: Criu, options: CaptureOptions): Promise<Taken> {
    for (let attempt = 1; ; attempt++) {
      options.signal.throwIfAborted()
      try {
        return await this.#dumped(session, criu, options)
      } catch (error) {
        // A thread or a process that ends just then makes a dump fail; the next finds it gone.
        const again = error instanceof MeshError && error.code === 'SNAPSHOT_FAILED' && attempt < tries
        if (!again) throw error
      }
    }
  }

  async #dumped(session: KernelSession, criu: Criu, options: CaptureOptions): Promise<Taken> {
    const shape = await session.shape()
    const whole = await dumpTarget(shape.pid)
    if (!whole) throw new MeshError('SNAPSHOT_FAILED', { detail: 'the kernel has ended' })
    const seen = await seenBy(whole.pid, shape.scratch, session.spec.projectFolder)
    const alone = shape.forks && shape.threads === 0 && shape.children === 0 && !whole.ownNamespace
    const folder = await dumpFolder(options.workFolder, await residentBytes(whole.pid))
    try {
      if (alone && !options.during) return await this.#copied(session, { criu, folder, shape, whole, seen })
      return await this.#still(session, { criu, folder, whole, seen })
    } catch (error) {
      await removeDump(folder)
      throw error
    }
  }

  /** A copy of the kernel is dumped, and ends with it. */
  async #copied(
    session: KernelSession,
    { criu, folder, shape, whole, seen }: Dumping & { shape: KernelShape },
  ): Promise<Taken> {
    const fork = await session.fork()
    try {
      const copy = await dumpTarget(fork.pid)
      if (!copy) throw new MeshError('SNAPSHOT_FAILED', { detail: 'the copy of the kernel ended' })
      const target = { ...copy, root: whole.root }
      const order = { criu, target, leaveRunning: false, scratch: seen.scratch, folder }
      return { dump: await dump(order), target, fork, shape, pauseMs: fork.pauseMs, seen }
    } finally {
      await end(fork)
    }
  }

  /** All of it stands still for a moment, and goes on. No run begins meanwhile; one that goes on, goes on. */
  async #still(session: KernelSession, { criu, folder, whole, seen }: Dumping): Promise<Taken> {
    const hold = await session.hold(holdMs)
    try {
      const shape = await session.shape()
      const done = await dump({ criu, target: whole, leaveRunning: true, scratch: seen.scratch, folder })
      return { dump: done, target: whole, fork: undefined, shape, pauseMs: done.frozenMs, seen }
    } finally {
      await hold.release()
    }
  }

  async #encoded(
    session: KernelSession,
    taken: Taken,
    { sink, workFolder, signal, during }: CaptureOptions,
  ): Promise<Capture> {
    const { dump: made, fork, shape } = taken
    const tree = treeOf(await readFile(join(made.images, 'pstree.img')))
    await mkdir(workFolder, { recursive: true, mode: 0o700 })
    const order: EncodeOrder = {
      images: made.images,
      store: join(workFolder, 'pages'),
      closureCache: join(workFolder, '..', 'closure-cache.json'),
      rootPid: tree[0]!.pid,
      closure: made.files.closure,
      open: made.files.open,
      fifos: made.files.fifos,
    }
    const answers = { ...noAnswers, put: (bytes: Uint8Array) => sink.put(bytes), has: (part: string) => sink.has(part) }
    const encoded = (await runWorker(new URL('./encode-thread.ts', import.meta.url), order, answers, signal)) as Encoded
    const plan = planOf(session, taken, tree, encoded)
    return {
      plan: { ...plan },
      parts: encoded.parts,
      fit: await fitOf(session, shape),
      inside: insideOf(fork, tree),
      lost: await lostIn(made.images, shape.address),
      pauseMs: taken.pauseMs,
      lastRun: fork ? fork.lastRun : shape.lastRun,
      ...(during && shape.running && { during: shape.running }),
    }
  }

  async unfitHere(fit: SnapshotFit, _spec: Pick<SessionSpec, 'language'>): Promise<string | undefined> {
    const found = await this.#criu()
    if (!found.ok) return found.why
    if (fit.os !== 'linux') return `an image of ${fit.os} does not go on on Linux`
    if (fit.arch !== process.arch) return `it is of another kind of processor (${fit.arch}, here ${process.arch})`
    const missing = missingFeatures(fit.cpu, await cpuFeatures())
    if (missing.length === 0) return undefined
    return `this processor lacks what it may use: ${missing.slice(0, 10).join(', ')}`
  }

  async open(plan: Plan, { source, folder, signal, progress }: OpenOptions): Promise<void> {
    const { closureStore, limits } = this.#options
    const order = { plan, folder, closureStore, mostBytes: limits.snapshotBytes }
    const answers = { ...noAnswers, get: (part: string) => source.get(part), progress }
    await runWorker(new URL('./decode-thread.ts', import.meta.url), order, answers, signal)
    const { closure } = v.parse(fileListSchema, await json(join(folder, openedNames.files)))
    await compareHere(closure)
  }

  async start(folder: string, spec: SessionSpec, signal: AbortSignal): Promise<SavedKernel> {
    const found = await this.#criu()
    if (!found.ok) throw new MeshError('RESTORE_FAILED', { detail: found.why })
    const plan = v.parse(imagePlanSchema, await json(join(folder, openedNames.plan)))
    const files = v.parse(fileListSchema, await json(join(folder, openedNames.files)))
    const { criu } = found
    const { closureStore } = this.#options
    const place = await this.#place(plan, spec, folder)
    const restored = await restore({
      criu,
      folder,
      plan,
      files,
      closureStore,
      projectFolder: spec.projectFolder,
      scratch: place.scratch,
      signal,
      before: async made => {
        if (plan.watches === null) return
        await makeWatched(plan.watches, made)
        await writeResume(plan.watches, place.resume)
      },
    })
    try {
      await listening(restored, place, signal)
      restored.keep()
    } catch (error) {
      await restored.undo()
      throw error
    }
    const { address, port, token, scratch } = place
    const { pid, identity, adopted, notes } = restored
    const kernel = plan.kernel.name
    return { kind: 'image', pid, identity, address, port, token, kernel, scratch, adopted, notes }
  }

  /** A copy listens where it is told; a kernel itself where it did. */
  async #place({ watches, kernel }: ImagePlan, spec: SessionSpec, folder: string) {
    const { random, limits } = this.#options
    const scratch = join(folder, `scratch-${Buffer.from(random(8)).toString('hex')}`)
    if (watches === null) return { ...kernel, scratch, resume: {} }
    const token = Buffer.from(random(32)).toString('base64url')
    const { address, port } = await choosePlace(random)
    const resume = { address, port, token, cwd: spec.projectFolder, scratch, limits: kernelLimits(limits) }
    return { address, port, token, scratch, resume }
  }
}

async function seenBy(pid: number, scratch: string, projectFolder: string): Promise<Seen> {
  const [inner] = scratch === '' ? [] : await seenAs(pid, scratch)
  return { scratch: inner ?? scratch, projectPaths: [projectFolder, ...(await seenAs(pid, projectFolder))] }
}

const noAnswers: Answers = {
  put: () => Promise.reject(new MeshError('INTERNAL', { detail: 'nothing is stored here' })),
  has: () => Promise.resolve(false),
  get: () => Promise.reject(new MeshError('INTERNAL', { detail: 'nothing is read here' })),
  progress: () => undefined,
}

function planOf(
  session: KernelSession,
  { target, fork, shape, dump: made, seen: { scratch, projectPaths } }: Taken,
  tree: TreeEntry[],
  encoded: Encoded,
): ImagePlan {
  const { address, port, token } = shape
  return {
    format: 'meshbook-image-1',
    ...encoded.plan,
    watches: fork?.watches ?? null,
    ownNamespace: target.ownNamespace,
    rootPid: tree[0]!.pid,
    mostPid: Math.max(...tree.flatMap(({ pid, threads }) => [pid, ...threads])),
    kernel: { name: session.kernelName, address, port, token, scratch },
    projectPaths,
    folders: made.files.folders,
  }
}

async function fitOf(session: KernelSession, shape: KernelShape): Promise<SnapshotFit> {
  const { language, kernelspec } = session.spec
  const fit = { os: process.platform, arch: process.arch, cpu: await cpuFeatures(), language, version: shape.version }
  return kernelspec === undefined ? fit : { ...fit, kernelspec }
}

function insideOf(fork: ForkedKernel | undefined, tree: readonly TreeEntry[]): Inside {
  const threads = tree.reduce((sum, each) => sum + Math.max(1, each.threads.length), 0)
  return { variables: fork?.variables ?? [], more: fork?.more ?? 0, processes: tree.length, threads }
}

/** Of a dump that failed it may still be there. */
async function end({ pid, identity }: ForkedKernel): Promise<void> {
  if ((await identityOf(pid)) !== identity) return
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function json(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8'))
}

/** Whole or not at all: who looks for it reads it at once. */
async function writeResume(folder: string, resume: object): Promise<void> {
  const path = join(folder, 'resume.json')
  await writeFile(`${path}.new`, JSON.stringify(resume), { mode: 0o600 })
  await rename(`${path}.new`, path)
}

async function listening(
  restored: Restored,
  place: { address: string; port: number },
  signal: AbortSignal,
): Promise<void> {
  const until = AbortSignal.any([signal, AbortSignal.timeout(connectMs)])
  while (!(await answers(place))) {
    signal.throwIfAborted()
    if (until.aborted) throw new MeshError('RESTORE_FAILED', { detail: 'what was restored does not listen' })
    if ((await identityOf(restored.pid)) !== restored.identity)
      throw new MeshError('RESTORE_FAILED', { detail: 'what was restored ended at once' })
    await sleep(lookMs)
  }
}

function answers({ address, port }: { address: string; port: number }): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host: address, port, timeout: 1_000 })
    const end = (is: boolean) => {
      socket.destroy()
      resolve(is)
    }
    socket.once('connect', () => end(true))
    socket.once('timeout', () => end(false))
    socket.once('error', () => end(false))
  })
}
