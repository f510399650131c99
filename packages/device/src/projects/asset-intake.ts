/**
 * Reads the files that are new or changed, once they rest: their content's name, and a copy for the hub if whoever
 * decides asks for it. Knows no tree.
 */
import { join } from 'node:path'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { AssetFilePorts } from './asset-file-ports.ts'
import type { Digest } from './big-files.ts'
import { type FileStamp, sameStamp } from './disk.ts'
import { safeJoin } from './safe-join.ts'
import { WorkQueue } from './work-queue.ts'

/** Files that are read at a time. */
const width = 2

export interface IntakeDecisions {
  /** Whether the content is likely to be known, so that a copy would be made in vain. */
  isLikelyKnown(path: string): boolean
  /** True if a copy for the hub is needed first; then it is called again. */
  taken(path: string, digest: Digest, isStaged: boolean): Promise<boolean>
}

export class AssetIntake {
  readonly #ports: AssetFilePorts
  readonly #decide: IntakeDecisions
  readonly #queue = new WorkQueue<string>(width, (path, signal) => this.#read(path, signal))
  #resting = new Map<string, { stamp: FileStamp; since: number }>()
  readonly #failed = new Set<string>()
  /** Files that stay local as long as they are what they are. */
  readonly #reported = new Map<string, FileStamp>()

  constructor(ports: AssetFilePorts, decide: IntakeDecisions) {
    this.#ports = ports
    this.#decide = decide
  }

  /** All files that are new or changed now. */
  offer(changed: ReadonlyMap<string, FileStamp>): void {
    const { now, limits, again } = this.#ports
    const resting = new Map<string, { stamp: FileStamp; since: number }>()
    for (const [path, stamp] of changed) {
      const known = this.#resting.get(path)
      const since = sameStamp(known?.stamp, stamp) ? known!.since : now()
      resting.set(path, { stamp, since })
      if (now() - since < limits.fileMaxWaitMs) again(limits.fileMaxWaitMs)
      else if (!this.#isHopeless(path, stamp)) this.#queue.add(path)
    }
    this.#resting = resting
    for (const path of this.#reported.keys()) if (!changed.has(path)) this.#solve(path)
  }

  get isIdle(): boolean {
    return this.#queue.isEmpty && [...this.#resting.keys()].every(path => this.#reported.has(path))
  }

  close(): Promise<void> {
    return this.#queue.close(new MeshError('SHUTTING_DOWN'))
  }

  #isHopeless(path: string, stamp: FileStamp): boolean {
    if (stamp.size > this.#ports.limits.assetBytes) {
      const { assetBytes } = this.#ports.limits
      const detail = `${path} has ${stamp.size} bytes and stays on this device; a file may have ${assetBytes}`
      this.#report(path, stamp, new MeshError('TOO_LARGE', { detail }))
    } else if (!sameStamp(this.#reported.get(path), stamp)) this.#solve(path)
    return this.#reported.has(path)
  }

  #report(path: string, stamp: FileStamp, error: MeshError): void {
    this.#reported.set(path, stamp)
    this.#ports.problems.report(join(this.#ports.root, path), error)
  }

  #solve(path: string): void {
    if (this.#reported.delete(path)) this.#ports.problems.solve(join(this.#ports.root, path))
  }

  async #read(path: string, signal: AbortSignal): Promise<void> {
    const about = join(this.#ports.root, path)
    try {
      await this.#readAndTell(path, signal)
      if (this.#failed.delete(path)) this.#ports.problems.solve(about)
    } catch (thrown) {
      if (signal.aborted) return
      this.#failed.add(path)
      this.#ports.problems.report(about, asMeshError(thrown))
    }
  }

  async #readAndTell(path: string, signal: AbortSignal): Promise<void> {
    const { disk, root, files, stage, limits, again } = this.#ports
    const file = await safeJoin(disk, root, path)
    const isKnown = this.#decide.isLikelyKnown(path)
    const read = isKnown ? files.digest(file, limits.assetBytes, signal) : stage(file, limits.assetBytes, signal)
    const digest = await read
    if (digest && !signal.aborted && (await this.#decide.taken(path, digest, !isKnown))) {
      const staged = await stage(file, limits.assetBytes, signal)
      if (staged && !signal.aborted) await this.#decide.taken(path, staged, true)
    }
    this.#resting.delete(path)
    again()
  }
}
