/**
 * Parts as they come from a device, a few at a time: names noted, bytes durable, rows (HS2). What is there already is
 * dropped; a request that is cut has brought what came whole (HS5).
 */
import { MeshError } from '@meshbook/core/errors.ts'
import { base32, type Now, type OrgId, type RandomBytes } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { type PartFrame, partHeadBytes, readPartFrames } from '@meshbook/core/part-frames.ts'
import { digestOf, type ObjectStore } from '../objects/object-store.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { PartRow } from '../store/snapshot-parts.ts'

export interface PartIntakePorts {
  store: HubStore
  objects: ObjectStore
  now: Now
  random: RandomBytes
  limits: Limits
}

interface Taken {
  parts: number
  bytes: number
}

type Arriving = Omit<PartRow, 'doubted'> & { content: Uint8Array }

/** Held in memory before they are written. */
const groupBytes = 4 * 1024 * 1024
const writesAtOnce = 4

export async function takeParts(ports: PartIntakePorts, org: OrgId, source: AsyncIterable<Uint8Array>): Promise<Taken> {
  const { snapshotPartBytes, snapshotRequestBytes, snapshotPartsPerRequest } = ports.limits
  const caps = { partBytes: snapshotPartBytes, bytes: snapshotRequestBytes, parts: snapshotPartsPerRequest }
  const taken: Taken = { parts: 0, bytes: 0 }
  const group: PartFrame[] = []
  let held = 0
  const flush = async (): Promise<void> => {
    const frames = group.splice(0)
    held = 0
    if (frames.length === 0) return
    await takeGroup(ports, org, frames)
    taken.parts += frames.length
    taken.bytes += frames.reduce((sum, { bytes }) => sum + bytes.byteLength, 0)
  }
  let cut: unknown
  try {
    for await (const frame of readPartFrames(source, caps)) {
      group.push(frame)
      held += frame.bytes.byteLength
      if (held >= groupBytes) await flush()
    }
  } catch (thrown) {
    cut = thrown
  }
  // What failed to be written is not tried again, and what is refused stops the request before this.
  await flush()
  if (cut !== undefined) throw cut
  return taken
}

async function takeGroup(ports: PartIntakePorts, org: OrgId, frames: readonly PartFrame[]): Promise<void> {
  const { store, now, limits } = ports
  const arriving = await newAmong(ports, org, frames)
  if (arriving.length === 0) return
  const objects = arriving.map(({ object }) => object)
  const bytes = arriving.reduce((sum, part) => sum + part.bytes, 0)
  await store.call('beginParts', { org, objects, bytes, mostBytes: limits.snapshotBytesPerOrg, now: now() })
  await write(ports.objects, arriving)
  const arrived = arriving.map(({ content: _, ...row }) => row)
  const refused = await store.call('finishParts', { org, arrived, now: now() })
  if (refused.length > 0) throw taken(refused[0]!)
}

/** Those that have to be written; throws CONFLICT for other bytes under a name that is taken. */
async function newAmong(
  { store, random }: PartIntakePorts,
  org: OrgId,
  frames: readonly PartFrame[],
): Promise<Arriving[]> {
  const parts = frames.map(({ part }) => part)
  const known = new Map((await store.query('findParts', { org, parts })).map(row => [row.part, row]))
  const arriving = new Map<string, Arriving>()
  for (const { part, bytes: content } of frames) {
    const { bytes, sha256 } = digestOf(content)
    const there = known.get(part) ?? arriving.get(part)
    if (there?.sha256 === sha256 && !('doubted' in there && there.doubted)) continue
    if (there && !('doubted' in there && there.doubted)) throw taken(part)
    const object = `${org}/parts/${part.slice(0, 2)}/${part}.${base32(random(10))}`
    arriving.set(part, { part, bytes, sha256, object, content })
  }
  return [...arriving.values()]
}

async function write(objects: ObjectStore, arriving: readonly Arriving[]): Promise<void> {
  const waiting = arriving.values()
  const work = async (): Promise<void> => {
    for (const { object, content, bytes, sha256 } of waiting)
      await objects.put(object, once(content), { bytes, sha256 })
  }
  await Promise.all(Array.from({ length: writesAtOnce }, work))
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

function taken(part: string): MeshError {
  return new MeshError('CONFLICT', { detail: `part ${part.slice(0, 12)} is there with other bytes` })
}

/** What a request with parts may have in all. */
export function mostBodyBytes({ snapshotRequestBytes, snapshotPartsPerRequest }: Limits): number {
  return snapshotRequestBytes + snapshotPartsPerRequest * partHeadBytes
}
