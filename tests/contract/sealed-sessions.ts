/** Devices that keep saved sessions sealed, at a real hub: what the suites of saved sessions begin with. */
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Run } from '@meshbook/core/api.ts'
import { newId, type ProjectId, systemRandom } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import type { SnapshotRecord } from '@meshbook/core/snapshot.ts'
import type { Capture } from '@meshbook/device/snapshots/port.ts'
import { PartSealer } from '@meshbook/device/snapshots/sealed/part-sealer.ts'
import { SealedSessions } from '@meshbook/device/snapshots/sealed-sessions.ts'
import type { About, Expected } from '@meshbook/device/snapshots/session-snapshots.ts'
import { openDeviceDatabase } from '@meshbook/device/store/device-store.ts'
import { systemSleep } from '@meshbook/engine/backoff.ts'
import type { Hub } from '@meshbook/hub/hub.ts'
import type { HeldSession } from '@meshbook/hub/testing/saved-states.ts'
import { TestDevice } from '@meshbook/hub/testing/test-device.ts'

export interface HubAt {
  url: string
  json<T>(method: string, path: string, body?: unknown): Promise<T>
}

export async function pairedDevice(hub: HubAt, name: string): Promise<TestDevice> {
  const device = new TestDevice(name)
  await hub.json('POST', '/devices', { publicKey: device.publicKey, name, kind: 'desktop' })
  return device
}

/** A device with a live session. */
export async function holdingDevice(
  t: TestContext,
  hub: HubAt,
  project: ProjectId,
): Promise<{ device: TestDevice; held: HeldSession }> {
  const device = await pairedDevice(hub, 'Desk')
  await device.join(t, hub as Pick<Hub, 'url'> as Hub, [project])
  const { id: document } = await hub.json<{ id: string }>('POST', '/documents', {
    project,
    path: 'a.md',
    content: '# A\n',
  })
  await hub.json<Run>('POST', '/runs', { document, language: 'python', code: 'x = 1' })
  return { device, held: (await device.next('LEASE')).lease }
}

export interface OpenSessions {
  places: SealedSessions
  close(): Promise<void>
}

/** What the device keeps in the folder, over its life with a hub at this address. */
export async function openSessions(given: {
  folder: string
  device: TestDevice
  key: Uint8Array
  url: string
  limits?: Partial<Limits>
  mostUploadBytes?: () => number
}): Promise<OpenSessions> {
  const { folder, device, key, url, mostUploadBytes } = given
  const database = await openDeviceDatabase(join(folder, 'device.db'), () => undefined)
  const places = new SealedSessions({
    ...{ folder: join(folder, 'parts'), url, store: database, self: device.id, sealer: new PartSealer(2) },
    org: newId('org', 1, () => new Uint8Array(16)),
    ownerKey: { current: async () => ({ version: 1, key }), open: async version => (version === 1 ? key : undefined) },
    key: { proof: host => device.proof(host) },
    limits: { ...limits, reconnectMinMs: 5, reconnectMaxMs: 40, ...given.limits },
    ...{ now: Date.now, random: systemRandom, sleep: systemSleep, log: { warn: () => undefined } },
    ...(mostUploadBytes && { mostUploadBytes }),
  })
  const close = async (): Promise<void> => {
    await places.close()
    await database.close()
  }
  return { places, close }
}

/** As a saver does: parts into the sink, then the record. */
export async function keepSession(
  places: SealedSessions,
  held: HeldSession,
  contents: readonly Uint8Array[],
  more: Partial<About> = {},
): Promise<SnapshotRecord> {
  const saving = await places.begin()
  const parts: string[] = []
  for (const bytes of contents) parts.push(await saving.put(bytes))
  const { session, head, fence } = held
  const capture: Capture = {
    ...{ plan: { order: parts }, parts, lost: [], pauseMs: 2, lastRun: null },
    fit: { os: 'linux', arch: 'x64', cpu: [], language: 'python', version: '3.11' },
    inside: { variables: [], more: 0, processes: 1, threads: 1 },
  }
  const about: About = {
    session,
    head,
    fence,
    kind: 'portable',
    name: null,
    asOf: { at: Date.now(), run: null },
    ...more,
  }
  return saving.finish(about, capture).finally(() => saving.abandon())
}

export function newestOf({ id: snapshot, kind, asOf, session, fence }: SnapshotRecord): Expected {
  return { rung: { snapshot, kind, asOf }, session, fence, newest: true }
}

export const never = new AbortController().signal

/** As a restorer does: found, examined, fetched, read. */
export async function restored(places: SealedSessions, asked: SnapshotRecord): Promise<Buffer[]> {
  const record = await places.find(asked.id, never)
  const { plan, source } = await places.examine(record, newestOf(asked), never)
  await places.fetch(record, { signal: never, progress: () => undefined })
  return Promise.all((plan.order as string[]).map(async part => Buffer.from(await source.get(part))))
}
