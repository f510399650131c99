/**
 * Second implementations of the snapshot port and of the place where saved sessions are kept: in memory, without keys. What
 * is "at the hub" is shared by all who are given the same `ScriptedStore`.
 */
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { type DeviceId, newId, type SnapshotId, systemRandom } from '@meshbook/core/ids.ts'
import type { PartId, SnapshotKind, SnapshotRecord } from '@meshbook/core/snapshot.ts'
import type { KernelSession, SavedKernel } from '../kernels/port.ts'
import type {
  Ability,
  Capture,
  CaptureOptions,
  OpenOptions,
  PartSink,
  Plan,
  SnapshotBackend,
} from '../snapshots/port.ts'
import type {
  About,
  Examined,
  Expected,
  KeptRecord,
  Progress,
  SavedSessions,
  Saving,
} from '../snapshots/session-snapshots.ts'

/** What all devices of a test have in common. */
export class ScriptedStore {
  readonly records = new Map<SnapshotId, SnapshotRecord>()
  readonly parts = new Map<PartId, Uint8Array>()
}

export class ScriptedPlaces implements SavedSessions {
  readonly store: ScriptedStore
  device: DeviceId
  readonly #kept = new Map<SnapshotId, SnapshotRecord>()
  readonly #parts = new Map<PartId, Uint8Array>()
  readonly #plans = new Map<SnapshotId, Plan>()
  /** Before an upload; may throw. */
  uploading: (record: SnapshotRecord, signal: AbortSignal) => Promise<void> = async () => undefined

  constructor(store: ScriptedStore, device: DeviceId) {
    this.store = store
    this.device = device
  }

  async begin(): Promise<Saving> {
    return {
      finish: (about, capture) => this.#keep(about, capture),
      abandon: async () => undefined,
      ...this.#sink(),
    }
  }

  #sink(): PartSink {
    return {
      put: async bytes => {
        const id = createHash('sha256').update(bytes).digest('hex')
        this.#parts.set(id, new Uint8Array(bytes))
        return id
      },
      has: async id => this.#parts.has(id),
    }
  }

  async #keep(about: About, { plan, parts, fit, inside, lost, pauseMs }: Capture): Promise<SnapshotRecord> {
    const manifest = await this.#sink().put(Buffer.from(JSON.stringify(plan)))
    const id = newId('snapshot', Date.now(), systemRandom)
    const bytes = parts.reduce((sum, part) => sum + this.#parts.get(part)!.byteLength, 0)
    const facts = { fit, inside, lost, pauseMs, bytes, addedBytes: bytes, keyVersion: 1 }
    const record = { ...about, ...facts, id, device: this.device, manifest, parts: [...new Set([manifest, ...parts])] }
    this.#kept.set(id, record)
    this.#plans.set(id, plan)
    return record
  }

  async kept(): Promise<KeptRecord[]> {
    return [...this.#kept.values()].map(record => ({ record, atHub: this.store.records.has(record.id) }))
  }

  async upload(record: SnapshotRecord, signal: AbortSignal): Promise<void> {
    await this.uploading(record, signal)
    signal.throwIfAborted()
    for (const part of record.parts) this.store.parts.set(part, this.#parts.get(part)!)
    this.store.records.set(record.id, record)
  }

  async superseded(snapshot: SnapshotId): Promise<void> {
    this.#kept.delete(snapshot)
  }

  async find(snapshot: SnapshotId): Promise<SnapshotRecord> {
    const record = this.#kept.get(snapshot) ?? this.store.records.get(snapshot)
    if (!record) throw new MeshError('NOT_FOUND', { detail: `the saved session ${snapshot}` })
    return record
  }

  async examine(record: SnapshotRecord, { session }: Expected): Promise<Examined> {
    if (session !== null && record.session !== session)
      throw new MeshError('SNAPSHOT_REFUSED', { detail: 'it is of another session' })
    const plan: Plan = JSON.parse(Buffer.from(this.#part(record.manifest)).toString('utf8'))
    return { plan, source: { get: async part => this.#part(part) } }
  }

  #part(id: PartId): Uint8Array {
    const bytes = this.#parts.get(id) ?? this.store.parts.get(id)
    if (!bytes || createHash('sha256').update(bytes).digest('hex') !== id)
      throw new MeshError('SNAPSHOT_REFUSED', { detail: `part ${id} is not what its name says` })
    return bytes
  }

  async fetch({ parts }: SnapshotRecord, { progress }: Progress): Promise<void> {
    for (const [done, part] of parts.entries()) {
      this.#parts.set(part, this.#part(part))
      progress(done + 1, parts.length)
    }
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

/** Saves what a scripted kernel's `save` writes, whatever kind it says that it is. */
export class ScriptedBackend implements SnapshotBackend {
  readonly kind: SnapshotKind
  captures = 0
  opens = 0
  starts = 0
  able: Ability = { ok: true, cpu: [] }
  /** Before a capture; may throw. */
  capturing: (options: CaptureOptions) => Promise<void> = async () => undefined
  unfitWords: string | undefined
  unfitHereWords: string | undefined
  pauseMs = 1

  constructor(kind: SnapshotKind) {
    this.kind = kind
  }

  async ability(): Promise<Ability> {
    return this.able
  }

  async unfit(): Promise<string | undefined> {
    return this.unfitWords
  }

  async capture(session: KernelSession, options: CaptureOptions): Promise<Capture> {
    await this.capturing(options)
    const { running, version } = await session.shape()
    const during = options.during && running ? running : undefined
    const { text, lastRun } = await saved(session, during !== undefined)
    this.captures++
    const part = await options.sink.put(Buffer.from(text))
    return {
      plan: { part },
      parts: [part],
      fit: { os: process.platform, arch: process.arch, cpu: [], language: session.spec.language, version },
      inside: { variables: [], more: 0, processes: 1, threads: 1 },
      lost: [{ name: 'con', reason: 'open connection' }],
      pauseMs: this.pauseMs,
      lastRun,
      ...(during && { during }),
    }
  }

  async unfitHere(): Promise<string | undefined> {
    return this.unfitHereWords
  }

  async open({ part }: Plan, { source, folder, progress }: OpenOptions): Promise<void> {
    this.opens++
    await writeFile(join(folder, 'manifest.json'), await source.get(part as PartId))
    progress(1, 1)
  }

  async start(folder: string): Promise<SavedKernel> {
    this.starts++
    return { kind: 'portable', folder }
  }
}

/** In the middle of a run a scripted kernel writes nothing; an image of it would hold the same names. */
async function saved(session: KernelSession, isRunning: boolean): Promise<{ text: string; lastRun: string | null }> {
  if (isRunning) return { text: '{}', lastRun: (await session.shape()).lastRun }
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-scripted-'))
  try {
    await mkdir(folder, { recursive: true })
    const { lastRun } = await session.save(folder)
    return { text: await readFile(join(folder, 'manifest.json'), 'utf8'), lastRun }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
