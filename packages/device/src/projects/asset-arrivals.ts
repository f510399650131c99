/** Brings the content of files from the hub to a private name beside their place; who gives them their name is not its own. */
import { join } from 'node:path'
import { asMeshError, type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import type { DocumentId } from '@meshbook/core/ids.ts'
import type { PlacedAsset } from './asset-entry.ts'
import type { AssetFilePorts } from './asset-file-ports.ts'
import { arrivalName } from './leftovers.ts'
import { safeJoinNew } from './safe-join.ts'
import { WorkQueue } from './work-queue.ts'

/** Files that are fetched at a time. */
const width = 4
const retryMinMs = 1_000
const retryMaxMs = 60_000
/** The bytes are on their way to the hub, or it is out of reach: nothing that the user has to know. */
const passing = new Set<ErrorCode>(['UNREACHABLE', 'NOT_FOUND', 'TOO_MANY', 'TIMEOUT', 'SHUTTING_DOWN'])

export interface ArrivalDecisions {
  /** What is to be fetched now; undefined if it is not wanted any more. */
  wanted(id: DocumentId): PlacedAsset | undefined
  /** Gives the checked and durable file its name, or leaves it. */
  land(id: DocumentId, entry: PlacedAsset, temporary: string): Promise<void>
}

interface Failure {
  asset: string
  waitMs: number
  until: number
  /** What had come by then. */
  received: number
  /** Why, where the last try got no further than the one before. */
  stuck: MeshError | undefined
}

export class AssetArrivals {
  readonly #ports: AssetFilePorts
  readonly #decide: ArrivalDecisions
  readonly #queue = new WorkQueue<DocumentId>(width, (id, signal) => this.#bring(id, signal))
  readonly #told = new Set<string>()
  readonly #failed = new Map<DocumentId, Failure>()

  constructor(ports: AssetFilePorts, decide: ArrivalDecisions) {
    this.#ports = ports
    this.#decide = decide
  }

  bring(id: DocumentId, entry: PlacedAsset): void {
    const failed = this.#failed.get(id)
    if (failed?.asset === entry.asset && this.#ports.now() < failed.until) return
    this.#queue.add(id)
  }

  /** The next try need not wait. */
  hurry(id: DocumentId): void {
    this.#failed.delete(id)
  }

  /** What holds up a file; undefined while it comes, or waits for its turn. */
  stuck(id: DocumentId, { asset }: PlacedAsset): MeshError | undefined {
    const failed = this.#failed.get(id)
    return failed?.asset === asset ? failed.stuck : undefined
  }

  close(): Promise<void> {
    return this.#queue.close(new MeshError('SHUTTING_DOWN'))
  }

  async #bring(id: DocumentId, signal: AbortSignal): Promise<void> {
    const entry = this.#decide.wanted(id)
    if (!entry) return
    const about = join(this.#ports.root, entry.path)
    try {
      await this.#fetch(id, entry, signal)
      this.#failed.delete(id)
      if (this.#told.delete(about)) this.#ports.problems.solve(about)
      this.#ports.again()
    } catch (thrown) {
      if (signal.aborted) return
      const error = asMeshError(thrown)
      if (!passing.has(error.code)) {
        this.#told.add(about)
        this.#ports.problems.report(about, error)
      }
      await this.#tryLater(id, entry, error)
    }
  }

  async #tryLater(id: DocumentId, { asset }: PlacedAsset, error: MeshError): Promise<void> {
    const last = this.#failed.get(id)
    const known = last?.asset === asset ? last : undefined
    const waitMs = known ? Math.min(retryMaxMs, known.waitMs * 2) : retryMinMs
    const received = await this.#ports.received(asset)
    const stuck = received > (known?.received ?? 0) ? undefined : error
    this.#failed.set(id, { asset, waitMs, until: this.#ports.now() + waitMs, received, stuck })
    this.#ports.again(waitMs)
  }

  async #fetch(id: DocumentId, entry: PlacedAsset, signal: AbortSignal): Promise<void> {
    const { disk, root, files, fetch } = this.#ports
    await fetch(entry.asset, entry.bytes, async part => {
      signal.throwIfAborted()
      const temporary = arrivalName(await safeJoinNew(disk, root, entry.path), id, 'tmp')
      try {
        const copied = await files.copy(part, temporary, entry.bytes, signal)
        if (copied?.asset !== entry.asset) throw new MeshError('STORAGE_FAILED', { detail: `a copy of ${entry.asset}` })
        await this.#decide.land(id, entry, temporary)
      } finally {
        await disk.remove(temporary)
      }
    })
  }
}
