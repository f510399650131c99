/** A thread that names, seals and opens parts, one at a time. Bytes are handed over, not copied. */
import { parentPort } from 'node:worker_threads'
import { asMeshError, type ErrorCode } from '@meshbook/core/errors.ts'
import type { PartId } from '@meshbook/core/snapshot.ts'
import type { PartKeys } from './part-keys.ts'
import { nameOfPart, openPart, sealPart } from './seal-part.ts'

export type SealJob = { keys: PartKeys; bytes: Uint8Array<ArrayBuffer> } & (
  | { do: 'name' }
  | { do: 'seal' | 'open'; part: PartId }
)
export type SealReply = { part: PartId; bytes: Uint8Array<ArrayBuffer> } | { failed: ErrorCode; detail: string }

export function perform(job: SealJob): { part: PartId; bytes: Uint8Array<ArrayBuffer> } {
  const { keys, bytes } = job
  if (job.do === 'name') return { part: nameOfPart(keys, bytes), bytes }
  const { part } = job
  return { part, bytes: job.do === 'seal' ? sealPart(keys, part, bytes) : openPart(keys, part, bytes) }
}

parentPort?.on('message', (job: SealJob) => {
  let reply: SealReply
  try {
    reply = perform(job)
  } catch (thrown) {
    const { code, detail = '' } = asMeshError(thrown)
    reply = { failed: code, detail }
  }
  parentPort!.postMessage(reply, 'bytes' in reply ? [reply.bytes.buffer] : [])
})
