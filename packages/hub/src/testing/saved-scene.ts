/** A hub and devices as scripts that save and restore sessions: what each does is told by the test, over real sockets. */
import { createHash } from 'node:crypto'
import type { TestContext } from 'node:test'
import type { Run } from '@meshbook/core/api.ts'
import {
  type DeviceId,
  type DocumentId,
  newId,
  parseFence,
  type SessionId,
  type SnapshotId,
  systemRandom,
} from '@meshbook/core/ids.ts'
import type { Lease, SessionInfo, UpMessage } from '@meshbook/core/messages.ts'
import type { Move } from '@meshbook/core/moves-api.ts'
import { partHead } from '@meshbook/core/part-frames.ts'
import type { RestoreAbility, SnapshotInfo, SnapshotRecord } from '@meshbook/core/snapshot.ts'
import { completed, started, TestDevice } from './test-device.ts'
import { startTestHub, type TestHub, type TestHubOptions } from './test-hub.ts'
import { until } from './until.ts'

type Held = Pick<Lease, 'session' | 'head' | 'fence'>

export const linux: RestoreAbility = { kinds: ['image', 'portable'], os: 'linux', arch: 'x64', cpu: ['avx2'] }

export interface SavedScene extends TestHub {
  doc: DocumentId
  /** A device that restores sessions, connected. */
  add(name: string, restores?: RestoreAbility): Promise<TestDevice>
  /** Comes back with what it still has. */
  back(device: TestDevice, heads?: Held[], runs?: Extract<UpMessage, { type: 'REGISTER' }>['runs']): Promise<void>
  /** Says goodbye: it is offline at once. */
  leave(device: TestDevice): Promise<void>
  ask(id: string, body?: object): Promise<Run>
  show(id: string): Promise<Run>
  /** Runs a cell on the device to its end; returns its lease. */
  run(device: TestDevice, id: string, body?: object): Promise<Lease>
  save(device: TestDevice, held: Held, change?: Partial<SnapshotRecord>): Promise<SnapshotId>
  session(name?: string): Promise<SessionInfo>
  snapshots(): Promise<SnapshotInfo[]>
  move(id: string): Promise<Move>
  ended(id: string): Promise<Move>
}

export async function savedScene(t: TestContext, options: TestHubOptions = {}): Promise<SavedScene> {
  const test = await startTestHub(t, options)
  const { id: doc } = await test.document('a.md', '# A\n')
  const restoresOf = new Map<TestDevice, RestoreAbility>()
  const join = async (device: TestDevice, heads: Held[], runs: Extract<UpMessage, { type: 'REGISTER' }>['runs']) => {
    const restores = restoresOf.get(device) ?? linux
    await device.join(t, test.hub, [test.project.id], { heads, runs }, ['python'], undefined, { restores })
  }
  const scene: SavedScene = Object.assign(test, {
    doc,
    async add(name: string, restores = linux) {
      const device = new TestDevice(name)
      device.clock = test.clock
      restoresOf.set(device, restores)
      await test.hub.registerDevice(device.publicKey, name, 'desktop')
      await join(device, [], [])
      return device
    },
    back: (device: TestDevice, heads: Held[] = [], runs: Extract<UpMessage, { type: 'REGISTER' }>['runs'] = []) =>
      join(
        device,
        heads.map(({ session, head, fence }) => ({ session, head, fence })),
        runs,
      ),
    async leave(device: TestDevice) {
      device.send({ type: 'BYE', reason: 'sleep' })
      await until(async () => (await statusOf(test, device)) === 'offline')
      await device.drop()
    },
    ask: (id: string, body: object = {}) =>
      test.json<Run>('POST', '/runs', { id, document: doc, language: 'python', code: 'print(1)', ...body }),
    show: (id: string) => test.json<Run>('GET', `/runs/${id}`),
    async run(device: TestDevice, id: string, body: object = {}) {
      await scene.ask(id, body)
      const { lease } = await device.next('LEASE', ({ lease: { run } }) => run === id)
      await device.emit(lease, 1, [started, completed])
      return lease
    },
    save: (device: TestDevice, held: Held, change: Partial<SnapshotRecord> = {}) =>
      saveRecord(test, device, recordOf(device.id, held, change)),
    async session(name = 'default') {
      const { items } = await test.json<{ items: SessionInfo[] }>('GET', '/sessions')
      return items.find(session => session.name === name)!
    },
    snapshots: async () => (await test.json<{ items: SnapshotInfo[] }>('GET', '/snapshots')).items,
    move: (id: string) => test.json<Move>('GET', `/moves/${id}`),
    async ended(id: string) {
      await until(async () => (await scene.move(id)).endedAt !== null)
      return scene.move(id)
    },
  })
  return scene
}

async function statusOf(test: TestHub, device: TestDevice): Promise<string | undefined> {
  const { items } = await test.json<{ items: { id: string; status: string }[] }>('GET', '/devices')
  return items.find(({ id }) => id === device.id)?.status
}

/** Brings a record and its only part to the hub, as a device does. */
export async function saveRecord(test: TestHub, device: TestDevice, record: SnapshotRecord): Promise<SnapshotId> {
  const host = new URL(test.hub.url).host
  const send = (path: string, body: string | Uint8Array<ArrayBuffer>, type: string) =>
    fetch(`${test.hub.url}/api/v1${path}`, {
      method: 'POST',
      headers: { authorization: device.proof(host), 'content-type': type },
      body,
    })
  const bytes = Buffer.from(record.manifest)
  const frame = new Uint8Array([...partHead(record.manifest, bytes.byteLength), ...bytes])
  const put = await send('/snapshots/parts', frame, 'application/octet-stream')
  if (!put.ok) throw new Error(`parts: ${put.status} ${await put.text()}`)
  const answer = await send('/snapshots', JSON.stringify(record), 'application/json')
  if (!answer.ok) throw new Error(`record: ${answer.status} ${await answer.text()}`)
  return record.id
}

/** Of a small session as of now, by default as an image. */
export function recordOf(
  device: DeviceId,
  { session, head, fence }: Partial<Held>,
  change: Partial<SnapshotRecord> = {},
): SnapshotRecord {
  const id = newId('snapshot', Date.now(), systemRandom)
  const manifest = createHash('sha256').update(id).digest('hex')
  const { kind = 'image' } = change
  const held = {
    session: session ?? newId('session', Date.now(), systemRandom),
    head: head ?? newId('head', Date.now(), systemRandom),
    fence: fence ?? parseFence(1),
  }
  return {
    id,
    ...held,
    device,
    kind,
    name: null,
    asOf: { at: Date.now(), run: null },
    fit: {
      os: 'linux',
      arch: 'x64',
      cpu: kind === 'image' ? ['avx2'] : [],
      language: 'python',
      version: '3.12.1',
    },
    inside: { variables: [], more: 0, processes: 1, threads: 1 },
    lost: [],
    bytes: 40,
    addedBytes: 40,
    pauseMs: 5,
    keyVersion: 1,
    manifest,
    parts: [manifest],
    ...change,
  }
}

/** What a device answers once it has restored what it was told to. */
export function restoredOk(
  held: { session: SessionId; head: Lease['head']; fence: Lease['fence'] },
  snapshot: SnapshotId,
  ask?: Move['id'],
): Extract<UpMessage, { type: 'RESTORED' }> {
  const { session, head, fence } = held
  return { type: 'RESTORED', session, head, fence, ...(ask && { ask }), ok: true, snapshot, failed: [], lost: [] }
}
