/**
 * Notes among the snapshots of a store that keep old ones from being deleted, for whoever needs the rows of one moment: a
 * backup that goes on reading, and the data that a restore replaced. A note names times only, and ends by itself.
 */
import { base32, type RandomBytes } from '@meshbook/core/ids.ts'
import { digestOf, type ObjectStore } from './object-store.ts'

const folder = 'holds/'
const most = 1_000
const note = Buffer.from('snapshots made before the second time are kept until the first\n')

export interface Hold {
  /** Snapshots made before this are kept. */
  before: number
  until: number
}

/** Durable when it resolves, so that a moment taken from then on is whole; returns what ends it. */
export async function holdSnapshots(
  objects: ObjectStore,
  { before, until }: Hold,
  random: RandomBytes,
): Promise<() => Promise<void>> {
  const name = `${folder}${until}-${before}-${base32(random(10))}`
  await objects.put(name, once(note), digestOf(note))
  return () => objects.delete(name)
}

/** Snapshots made before this time must stay; 0 if none must. */
export async function heldBefore(objects: ObjectStore, now: number): Promise<number> {
  const holds = (await holdsOf(objects)).filter(({ until }) => until > now)
  return holds.reduce((latest, { before }) => Math.max(latest, before), 0)
}

export async function removeOldHolds(objects: ObjectStore, now: number): Promise<void> {
  for (const { name, until } of await holdsOf(objects)) if (until <= now) await objects.delete(name)
}

/** There are a few at a time: one of each backup that runs or was killed, one of each restore. */
async function holdsOf(objects: ObjectStore): Promise<(Hold & { name: string })[]> {
  const { objects: found } = await objects.list(folder, { most })
  return found.flatMap(({ name }) => {
    const match = /^holds\/(\d{1,15})-(\d{1,15})-[0-9a-z]+$/.exec(name)
    return match ? [{ name, until: Number(match[1]), before: Number(match[2]) }] : []
  })
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
