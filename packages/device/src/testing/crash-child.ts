/**
 * A device without a hub, in a process of its own that a test kills: it attaches a folder and keeps typing numbered
 * lines into the document of `a.md`, saying each number once the line is durable.
 *
 *     node crash-child.ts DATA FOLDER PROJECT TREE FIRST
 */
import { join } from 'node:path'
import { sharedNames } from '@meshbook/core/executions.ts'
import { isId, parseId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { Relay } from '@meshbook/relay/relay.ts'
import { SqliteDocumentStore } from '@meshbook/relay/store/sqlite-document-store.ts'
import { systemAfter } from '@meshbook/relay/timers.ts'
import { Attachments } from '../attachments.ts'
import { DeviceKey } from '../device-key.ts'
import { Documents } from '../documents.ts'
import { EpochMoves } from '../epoch-moves.ts'
import { Problems } from '../problems.ts'
import { NodeDisk } from '../projects/node-disk.ts'
import { openDeviceDatabase } from '../store/device-store.ts'
import { until } from './until.ts'

const [data = '', folder = '', project, tree, first = '0'] = process.argv.slice(2)
const ports = { now: Date.now, random: systemRandom }
const quick = { ...limits, fileDebounceMs: 10, fileMaxWaitMs: 30 }
const key = await DeviceKey.load(data, ports.now, ports.random)
const problems = new Problems()
const database = await openDeviceDatabase(join(data, 'device.db'), () => undefined)
const relay = new Relay({ store: new SqliteDocumentStore(database), ...ports })
const documents = new Documents({
  relay,
  org: key.org,
  uplink: undefined,
  moves: new EpochMoves({ relay, org: key.org, store: database }),
  problems,
  opened: () => undefined,
  closed: () => undefined,
})
const attachments = new Attachments({
  ...ports,
  disk: new NodeDisk(),
  after: systemAfter,
  limits: quick,
  org: key.org,
  database,
  documents,
  problems,
  hasHub: false,
  trash: join(data, 'trash'),
  deviceName: 'laptop',
  findAsset: async () => new Uint8Array(),
  keepAsset: async () => true,
  mayWrite: () => true,
})
const info = { id: parseId('project', project), name: 'p', owner: 'me', tree: parseId('document', tree) }
await attachments.load()
await attachments.attach(info, folder).started

const files = documents.open(info.id, info.tree).doc.getMap<{ path: string }>(sharedNames.files)
const idOf = () => [...files].find(([, entry]) => entry.path === 'a.md')?.[0]
await until('the document', () => idOf() !== undefined)
const id = idOf()
if (!isId('document', id)) throw new Error('no document')
const peer = documents.open(info.id, id)
await peer.ready
for (let n = Number(first); ; n++) {
  peer.doc.getText(sharedNames.content).insert(0, `typed ${n}\n`)
  await peer.durable()
  process.stdout.write(`${n}\n`)
  await new Promise(resolve => setTimeout(resolve, 3))
}
