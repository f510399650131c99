/** Parts in memory for the tests of backends: named by their hash, and refused if they are not what they were. */
import { createHash } from 'node:crypto'
import { MeshError } from '@meshbook/core/errors.ts'
import type { PartSink, PartSource } from '@meshbook/device/snapshots/port.ts'

export class PartsInMemory implements PartSink, PartSource {
  readonly parts = new Map<string, Uint8Array>()
  /** Bytes that were new since this was last set to 0. */
  addedBytes = 0

  put(bytes: Uint8Array): Promise<string> {
    const name = createHash('sha256').update(bytes).digest('hex')
    if (!this.parts.has(name)) {
      this.parts.set(name, bytes.slice())
      this.addedBytes += bytes.length
    }
    return Promise.resolve(name)
  }

  has(part: string): Promise<boolean> {
    return Promise.resolve(this.parts.has(part))
  }

  get(part: string): Promise<Uint8Array> {
    const bytes = this.parts.get(part)
    const is = bytes && createHash('sha256').update(bytes).digest('hex') === part
    if (!is) return Promise.reject(new MeshError('SNAPSHOT_REFUSED', { detail: 'a part is not what it was' }))
    return Promise.resolve(bytes.slice())
  }
}
