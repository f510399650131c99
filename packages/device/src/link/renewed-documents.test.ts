import assert from 'node:assert/strict'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { sharedNames, type TreeEntry } from '@meshbook/core/executions.ts'
import { type DocumentId, newId, parseFence, parseRunId, systemRandom } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import type { Lease, ProjectInfo } from '@meshbook/core/messages.ts'
import { openLocalPeer } from '@meshbook/relay/local-peer.ts'
import * as Y from 'yjs'
import { type Device, startDevice } from '../device.ts'
import { ScriptedHub } from '../testing/scripted-hub.ts'
import { ScriptedKernels, ScriptedMachine } from '../testing/scripted-kernels.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { until } from '../testing/until.ts'

const quick: Limits = {
  ...limits,
  fileDebounceMs: 20,
  fileMaxWaitMs: 100,
  reconnectMinMs: 20,
  reconnectMaxMs: 100,
  outputBlockWaitMs: 50,
  handshakeMs: 3_000,
}
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined }
const make = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, Date.now(), systemRandom)

class World {
  readonly hub: ScriptedHub
  readonly project: ProjectInfo = { id: make('project'), name: 'p', owner: 'me', tree: make('document') }
  document!: DocumentId

  constructor(hub: ScriptedHub) {
    this.hub = hub
  }

  text(t: TestContext): Promise<Y.Text> {
    return this.open(t, this.document)
  }

  async open(t: TestContext, document: DocumentId): Promise<Y.Text> {
    const peer = openLocalPeer(this.hub.relay, { org: this.hub.org, document }, { name: 'test' })
    t.after(() => peer.close())
    await peer.ready
    return peer.doc.getText(sharedNames.content)
  }

  /** What the hub's operation does, with an edit by somebody else in it. */
  async renew(edit: (text: string) => string = text => text): Promise<string> {
    let made = ''
    await this.hub.relay.renew({ org: this.hub.org, document: this.document }, async ({ snapshot, tail }) => {
      const [old, doc] = [new Y.Doc(), new Y.Doc()]
      for (const piece of [...(snapshot ? [snapshot.data] : []), ...tail]) Y.applyUpdate(old, piece)
      made = edit(old.getText(sharedNames.content).toString())
      doc.getText(sharedNames.content).insert(0, made)
      return [Y.encodeStateAsUpdate(doc)]
    })
    return made
  }
}

class Desk {
  readonly world: World
  readonly data: string
  readonly folder: string
  readonly machine = new ScriptedMachine()
  device!: Device

  constructor(world: World, data: string, folder: string) {
    this.world = world
    this.data = data
    this.folder = folder
  }

  get file(): string {
    return join(this.folder, 'a.md')
  }

  async start(): Promise<void> {
    const { hub } = this.world
    const register = async (publicKey: string) => {
      hub.publicKey = publicKey
      return this.device?.id
    }
    const options = {
      folder: this.data,
      name: 'Desk',
      kind: 'desktop' as const,
      hub: { url: hub.url },
      limits: quick,
      kernels: new ScriptedKernels(this.machine),
      projectsFolder: this.data,
      register,
    }
    this.device = await startDevice(options, { now: Date.now, random: systemRandom, log: silent })
    await this.device.attach({ project: this.world.project, folder: this.folder })
  }

  async reads(text: string): Promise<void> {
    const last = () => readFile(this.file, 'utf8').catch(() => 'no file')
    await until('the text in the file', async () => (await last()) === text, 15_000).catch(async thrown => {
      assert.fail(`${thrown.message}: ${JSON.stringify(await last())}\n${this.device.problems().join('\n')}`)
    })
  }
}

async function desk(t: TestContext, world: World): Promise<Desk> {
  const made = new Desk(world, await temporaryFolder(), await temporaryFolder())
  t.after(async () => {
    made.machine.stopped = true
    await made.device.close()
  })
  return made
}

async function setUp(t: TestContext, text = '# Title\n\nfirst\n') {
  const world = new World(await ScriptedHub.start(t, Date.now))
  const mine = await desk(t, world)
  await writeFile(mine.file, text)
  await mine.start()
  const tree = openLocalPeer(world.hub.relay, { org: world.hub.org, document: world.project.tree }, { name: 'test' })
  t.after(() => tree.close())
  await until('the document at the hub', () => {
    const entries = [...tree.doc.getMap<TreeEntry>(sharedNames.files).entries()]
    const found = entries.find(([, entry]) => entry.path === 'a.md')?.[0] as DocumentId | undefined
    if (found) world.document = found
    return found !== undefined
  })
  await until('its text there', async () => (await world.text(t)).toString() === text)
  return { world, mine }
}

test('DV60 a document that is renewed while a device has it open has its text once, and edits go both ways after that', async t => {
  const { world, mine } = await setUp(t)
  await world.renew(text => `${text}by the hub\n`)
  await mine.reads('# Title\n\nfirst\nby the hub\n')
  await appendFile(mine.file, 'by the file\n')
  const text = await world.text(t)
  await until('the edit at the hub', () => text.toString() === '# Title\n\nfirst\nby the hub\nby the file\n')
  text.insert(0, 'top\n')
  await mine.reads('top\n# Title\n\nfirst\nby the hub\nby the file\n')
  await until('no problem', () => mine.device.problems().length === 0)
})

test('DV60 DV62 a file that was edited while the hub was out of reach and renewed the document: text once, both edits there', async t => {
  const { world, mine } = await setUp(t)
  await new Promise(resolve => setTimeout(resolve, 1_200))
  await world.hub.stop()
  await until('offline', () => !mine.device.linked)
  await appendFile(mine.file, 'offline, merged into the old document\n')
  await new Promise(resolve => setTimeout(resolve, 500))
  await mine.device.close()
  await appendFile(mine.file, 'offline, while nothing ran\n')
  await world.renew(text => `by the hub\n${text}`)
  await mine.start()
  await world.hub.listen()
  const whole = 'by the hub\n# Title\n\nfirst\noffline, merged into the old document\noffline, while nothing ran\n'
  await mine.reads(whole)
  const text = await world.text(t)
  await until('the same at the hub', () => text.toString() === whole)
})

test('DV60 a device that never had the document takes it over at the hub’s epoch', async t => {
  const { world } = await setUp(t)
  const whole = await world.renew(text => `${text}renewed\n`)
  const other = await desk(t, world)
  await other.start()
  await other.reads(whole)
  await appendFile(other.file, 'from there\n')
  const text = await world.text(t)
  await until('its edit at the hub', () => text.toString() === `${whole}from there\n`)
})

test('DV63 output that is being written goes on in the renewed document: every line is there once', async t => {
  const lines = Array.from({ length: 40 }, (_, i) => `line ${i + 1}`)
  const code = lines.map(line => `print ${line}\nsleep 40`).join('\n')
  const { world, mine } = await setUp(t, `\`\`\`python\n${code}\n\`\`\`\n`)
  const [at, run] = [Date.now(), parseRunId('run-1')]
  const lease: Lease = {
    run,
    project: world.project.id,
    document: world.document,
    session: make('session'),
    sessionName: 'default',
    head: make('head'),
    fence: parseFence(1),
    language: 'python',
    code,
    cell: { by: 'index', index: 0 },
    requestedBy: 'me',
    requestedAt: at,
    expiresAt: at + 60_000,
  }
  world.hub.send({ type: 'LEASE', lease })
  const shown = async () => (await readFile(mine.file, 'utf8')).split('\n').filter(line => line.startsWith('line '))
  await until('some lines', async () => (await shown()).length >= 8)
  await world.renew()
  await until('all lines', async () => (await shown()).length >= 40, 15_000).catch(async thrown => {
    assert.fail(`${thrown.message}\n${await readFile(mine.file, 'utf8')}\n${mine.device.problems().join('\n')}`)
  })
  assert.deepEqual(await shown(), lines)
  await until('the end of the log', () => world.hub.logs.get(run)?.at(-1)?.type === 'completed')
})
