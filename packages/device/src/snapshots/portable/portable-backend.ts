/**
 * Saves a session variable by variable, by means of its kernel (KN51, KN52): on any system and processor, with the names
 * of what cannot be carried over. The other backend is `image/`.
 */

import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { runtimeFor } from '@meshbook/core/languages.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { Inside, LostItem, SnapshotFit } from '@meshbook/core/snapshot.ts'
import {
  Damaged,
  manifestName,
  readManifest,
  type SavedBody,
  type SavedFile,
} from '@meshbook/kernels/wire/saved-folder.ts'
import type { KernelSession, KernelSessions, SavedKernel, SavedVariables, SessionSpec } from '../../kernels/port.ts'
import type { Ability, Capture, CaptureOptions, OpenOptions, Plan, SnapshotBackend } from '../port.ts'
import { KnownParts } from './known-parts.ts'
import { openFiles } from './open-files.ts'
import { storeFiles } from './store-files.ts'

export interface PortableOptions {
  kernels: Pick<KernelSessions, 'runtimes' | 'missing'>
  limits: Limits
}

const taking = 'taking-'

export function createPortableBackend(options: PortableOptions): SnapshotBackend {
  return new PortableBackend(options)
}

class PortableBackend implements SnapshotBackend {
  readonly kind = 'portable'
  readonly #options: PortableOptions

  constructor(options: PortableOptions) {
    this.#options = options
  }

  async ability(): Promise<Ability> {
    return { ok: true, cpu: [] }
  }

  async unfit(session: KernelSession): Promise<string | undefined> {
    const { saves } = await session.shape()
    return saves ? undefined : `${session.kernelName} cannot save its variables`
  }

  async capture(session: KernelSession, options: CaptureOptions): Promise<Capture> {
    if (options.during)
      throw new MeshError('SNAPSHOT_FAILED', { detail: 'variables can only be saved between two runs' })
    const folder = await freshFolder(options.workFolder)
    const saving = session.save(folder)
    try {
      const saved = await unlessAborted(saving, options.signal)
      const stored = await this.#store(folder, options)
      const { version } = await session.shape()
      return { ...stored, ...about(session.spec, version, saved, this.#options.limits) }
    } catch (thrown) {
      throw failure(thrown)
    } finally {
      // While the kernel still writes the folder cannot be removed, and nobody waits for that.
      const removed = saving.catch(() => undefined).then(() => rm(folder, { recursive: true, force: true }))
      if (!options.signal.aborted) await removed
    }
  }

  async #store(folder: string, { sink, workFolder, signal }: CaptureOptions): Promise<Pick<Capture, 'plan' | 'parts'>> {
    const files = await filesOf(folder)
    const known = new KnownParts(workFolder)
    await known.load()
    const stored = await storeFiles({ folder, files, sink, known, limits: this.#options.limits, signal })
    await known.save()
    return stored
  }

  async unfitHere(
    fit: SnapshotFit,
    { language }: Pick<SessionSpec, 'language' | 'projectFolder' | 'kernelspec'>,
  ): Promise<string | undefined> {
    const runtime = runtimeFor(fit.language)
    if (runtime !== runtimeFor(language)) return `it was saved in ${fit.language}, and the session is in ${language}`
    const missing = await this.#options.kernels.missing(language)
    if (missing !== undefined) return missing
    const here = (await this.#options.kernels.runtimes()).filter(each => runtimeFor(each.language) === runtime)
    if (here.length === 0 || here.some(({ version }) => majorOf(version) === majorOf(fit.version))) return undefined
    if (runtime === 'javascript' && here.some(({ version }) => majorOf(version) >= majorOf(fit.version)))
      return undefined
    return `it was saved by version ${fit.version} of ${fit.language}, and here is ${here[0]!.version}`
  }

  async open(plan: Plan, options: OpenOptions): Promise<void> {
    await openFiles(plan, { ...options, limits: this.#options.limits })
    await readSaved(options.folder)
  }

  async start(folder: string, spec: SessionSpec, signal: AbortSignal): Promise<SavedKernel> {
    signal.throwIfAborted()
    const { language } = await readSaved(folder)
    if (language !== runtimeFor(spec.language))
      throw new MeshError('SNAPSHOT_UNFIT', { detail: `it was saved by a kernel of ${language}` })
    return { kind: 'portable', folder }
  }
}

/** What a capture that was cut off has left is removed. */
async function freshFolder(workFolder: string): Promise<string> {
  await mkdir(workFolder, { recursive: true, mode: 0o700 })
  const old = (await readdir(workFolder)).filter(name => name.startsWith(taking))
  // One whose kernel still writes stays for the next time.
  for (const name of old) await rm(join(workFolder, name), { recursive: true, force: true }).catch(() => undefined)
  return mkdtemp(join(workFolder, taking))
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const stop = () => reject(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** All that is to be stored: what the manifest names, and the manifest itself as the last. */
async function filesOf(folder: string): Promise<SavedFile[]> {
  const { files } = await readManifest(folder)
  const whole = await readFile(join(folder, manifestName))
  const manifest = { name: manifestName, bytes: whole.length, sha256: createHash('sha256').update(whole).digest('hex') }
  for (const { name, bytes } of files) {
    const { size } = await stat(join(folder, name))
    if (size !== bytes) throw new MeshError('SNAPSHOT_FAILED', { detail: `the kernel has not written all of ${name}` })
  }
  return [...files, manifest]
}

async function readSaved(folder: string): Promise<SavedBody> {
  return readManifest(folder).catch(cause => {
    if (!(cause instanceof Damaged)) throw cause
    throw new MeshError('SNAPSHOT_REFUSED', { detail: cause.message, cause })
  })
}

function about(
  spec: SessionSpec,
  version: string,
  saved: SavedVariables,
  limits: Limits,
): Pick<Capture, 'fit' | 'inside' | 'lost' | 'pauseMs' | 'lastRun'> {
  const { language, kernelspec } = spec
  const fit: SnapshotFit = {
    os: process.platform,
    arch: process.arch,
    cpu: [],
    language,
    version: version.slice(0, 200),
    ...(kernelspec !== undefined && { kernelspec }),
  }
  const variables = saved.variables.slice(0, limits.snapshotShownVariables).map(shown)
  const more = saved.more + saved.variables.length - variables.length
  const inside: Inside = { variables, more, processes: 0, threads: 0 }
  return { fit, inside, lost: shownLost(saved.lost, limits), pauseMs: saved.pauseMs, lastRun: saved.lastRun }
}

function shown({ name, type, bytes }: SavedVariables['variables'][number]): Inside['variables'][number] {
  const size = bytes === undefined ? {} : { bytes: Math.round(bytes) }
  return { name: text(name, 200), type: text(type, 200), ...size }
}

function shownLost(lost: readonly LostItem[], limits: Limits): LostItem[] {
  const items = lost.map(({ name, reason }) => ({
    name: text(name, 200),
    reason: text(reason, limits.problemTextChars),
  }))
  if (items.length <= limits.snapshotLostItems) return items
  const kept = items.slice(0, limits.snapshotLostItems - 1)
  return [...kept, { name: '…', reason: `${items.length - kept.length} more are not carried over` }]
}

/** A cut between two halves of a character leaves no half. */
function text(value: string, most: number): string {
  return value.slice(0, most).toWellFormed()
}

function majorOf(version: string): number {
  return Number.parseInt(version, 10)
}

/** A run that has begun is the caller's business: it tries again when the session is idle. */
function failure(thrown: unknown): MeshError {
  if (thrown instanceof MeshError && ['CONFLICT', 'SNAPSHOT_FAILED', 'SHUTTING_DOWN'].includes(thrown.code))
    return thrown
  const reason = thrown instanceof MeshError ? (thrown.detail ?? thrown.message) : (thrown as Error).message
  return new MeshError('SNAPSHOT_FAILED', { detail: reason, cause: thrown })
}
