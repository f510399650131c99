/**
 * A session outlives its device: a hub and two devices as real processes, one of which is killed with its kernels and its
 * disk. The next run answers from the other, with the same variables.
 */
import assert from 'node:assert/strict'
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { DocumentInfo, List, Run } from '@meshbook/core/api.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import type { DeviceInfo, SessionInfo } from '@meshbook/core/messages.ts'
import type { Move } from '@meshbook/core/moves-api.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { SnapshotInfo, SnapshotKind } from '@meshbook/core/snapshot.ts'
import { criuFolder } from '../contract/criu.ts'
import {
  command,
  eventually,
  type MeshProcess,
  startProcess,
  stopProcessesOf,
  temporaryFolder,
} from '../mesh-process.ts'

const token = 'mb_0123456789abcdefghijklmnop'
/** A device counts as offline after three seconds. */
const timesDivisor = 20
const answerMs = 60_000

interface Answer {
  run: Run
  printed: string
  notice: string
}

class Mesh {
  readonly hub: MeshProcess
  readonly use: string
  readonly t: TestContext
  readonly devices = new Map<string, MeshProcess>()

  constructor(t: TestContext, hub: MeshProcess, use: string) {
    this.t = t
    this.hub = hub
    this.use = use
  }

  async join(name: string, data?: string): Promise<MeshProcess> {
    const folder = data ?? (await temporaryFolder(this.t))
    const env = {
      MESHBOOK_TOKEN: token,
      MESHBOOK_SNAPSHOT: this.use,
      MESHBOOK_TIMES_DIVISOR: `${timesDivisor}`,
      ...(this.use !== 'portable' && { XDG_DATA_HOME: await homeWithCriu(this.t) }),
    }
    const device = await startProcess(this.t, folder, ['up', '--hub', this.hub.url, '--name', name], env)
    this.devices.set(name, device)
    return device
  }

  async attach(name: string): Promise<string> {
    const device = this.devices.get(name)!
    const folder = await temporaryFolder(this.t)
    const { code, stderr } = await command(['attach', folder, '--project', 'project', '--data', device.data])
    assert.equal(code, 0, stderr)
    return folder
  }

  /** As by its plug: the daemon, its kernels and all that it has kept. */
  async lose(name: string): Promise<void> {
    const device = this.devices.get(name)!
    await device.kill('SIGKILL')
    await stopProcessesOf(device.data)
    await rm(device.data, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }

  async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${this.hub.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`)
    return (text === '' ? undefined : JSON.parse(text)) as T
  }

  async document(path: string): Promise<DocumentInfo> {
    return eventually(`${path} is at the hub`, async () => {
      const { items } = await this.ask<List<DocumentInfo>>('GET', '/documents')
      return items.find(item => item.path === path)
    })
  }

  async device(name: string): Promise<DeviceInfo> {
    return eventually(`${name} is there`, async () => {
      const { items } = await this.ask<List<DeviceInfo>>('GET', '/devices')
      return items.find(item => item.name === name)
    })
  }

  async idOf(name: string): Promise<string> {
    return (await this.device(name)).id
  }

  async run(document: DocumentInfo, code: string, more: object = {}): Promise<Answer> {
    const id = newId('run', Date.now(), systemRandom)
    const body = { id, document: document.id, cell: { by: 'index', index: 0 }, language: 'python', code, ...more }
    await this.ask('POST', '/runs', body)
    const run = await eventually(
      `${code} has ended`,
      async () => {
        const found = await this.ask<Run>('GET', `/runs/${id}`)
        return found.endedAt !== null && found
      },
      answerMs,
    )
    const items = await this.log(id)
    const text = (type: string) => items.map(event => (event.type === type ? (event as { text: string }).text : ''))
    const [started] = items.flatMap(event => (event.type === 'started' ? event : []))
    const notice = [started?.notice ?? '', ...text('stderr')].join('')
    return { run, printed: text('stdout').join('').trim(), notice }
  }

  async log(run: string): Promise<RunEvent[]> {
    const headers = { authorization: `Bearer ${token}` }
    const text = await (await fetch(`${this.hub.url}/api/v1/runs/${run}/events`, { headers })).text()
    return text.split('\n').flatMap(line => (line.startsWith('data: ') ? JSON.parse(line.slice(6)) : []))
  }

  async session(): Promise<SessionInfo> {
    const { items } = await this.ask<List<SessionInfo>>('GET', '/sessions')
    assert.equal(items.length >= 1, true)
    return items[0]!
  }

  /** The state after this run is at the hub. */
  async saved({ run }: Answer, kind: SnapshotKind): Promise<SnapshotInfo> {
    return eventually(
      `${kind} of the state after ${run.id}`,
      async () => {
        const { items } = await this.ask<List<SnapshotInfo>>('GET', `/snapshots?session=${run.session}`)
        return items.find(item => item.kind === kind && item.asOf.run === run.id)
      },
      60_000,
    )
  }

  async done(move: Move): Promise<Move> {
    const ended = await eventually(
      `the ${move.kind} has ended`,
      async () => {
        const now = await this.ask<Move>('GET', `/moves/${move.id}`)
        return now.endedAt !== null && now
      },
      60_000,
    )
    assert.equal(ended.state, 'done', `${ended.code} ${ended.detail}`)
    return ended
  }
}

/** A data folder of a user who has set up CRIU. */
async function homeWithCriu(t: TestContext): Promise<string> {
  const home = await temporaryFolder(t)
  await mkdir(join(home, 'meshbook'))
  await symlink(await criuFolder(), join(home, 'meshbook/criu'))
  return home
}

const make = 'import random\nx = {"a": [1, 2, 3]}\ny = x["a"]\nrandom.seed(7)\nprint(len(y))'
const ask = 'y.append(4)\nprint(x["a"], round(random.random(), 6))'
const expected = '[1, 2, 3, 4] 0.323833'

async function mesh(t: TestContext, use: string): Promise<{ mesh: Mesh; document: DocumentInfo }> {
  const env = { MESHBOOK_BOOTSTRAP_TOKEN: token, MESHBOOK_TIMES_DIVISOR: `${timesDivisor}` }
  const made = new Mesh(t, await startProcess(t, await temporaryFolder(t), ['hub', '--port', '0'], env), use)
  await made.join('laptop')
  const folder = await made.attach('laptop')
  await made.join('desktop')
  await made.attach('desktop')
  await writeFile(join(folder, 'a.md'), `# A\n\n\`\`\`python\n${make}\n\`\`\`\n\n\`\`\`python\n${ask}\n\`\`\`\n`)
  return { mesh: made, document: await made.document('a.md') }
}

for (const [use, kind] of [
  ['portable', 'portable'],
  ['criu', 'image'],
] as const)
  test(`a device is killed with its kernels and its disk: the next run answers from the other with the same variables (${kind})`, async t => {
    const { mesh: m, document } = await mesh(t, use)
    const first = await m.run(document, make, { on: await m.idOf('laptop') })
    assert.deepEqual([first.run.status, first.printed, first.run.deviceName], ['completed', '3', 'laptop'])
    await m.saved(first, kind)
    await m.lose('laptop')
    const next = await m.run(document, ask, { failover: { elsewhereAfterMs: 0 } })
    assert.deepEqual([next.run.status, next.printed, next.run.deviceName], ['completed', expected, 'desktop'])
    assert.match(next.notice, /State as of \d\d:\d\d from laptop/)
    assert.equal(next.run.session, first.run.session)
    const after = await m.run(document, 'print(len(y))')
    assert.deepEqual([after.printed, after.run.deviceName], ['4', 'desktop'])
    await m.saved(after, kind)
  })

test('a session migrates with its variables, its source has it no longer, and it comes back', async t => {
  const { mesh: m, document } = await mesh(t, 'portable')
  const first = await m.run(document, make, { on: await m.idOf('laptop') })
  const { id } = await m.device('desktop')
  const home = await m.device('laptop')
  await m.done(await m.ask<Move>('POST', `/sessions/${first.run.session}/migrate`, { to: id }))
  assert.equal((await m.session()).device, id)
  const there = await m.run(document, ask)
  assert.deepEqual([there.printed, there.run.deviceName], [expected, 'desktop'])
  await m.done(await m.ask<Move>('POST', `/sessions/${first.run.session}/migrate`, { to: home.id }))
  const back = await m.run(document, 'print(len(y))')
  assert.deepEqual([back.printed, back.run.deviceName], ['4', 'laptop'])
})

test('a fork has the variables of the moment and a life of its own', async t => {
  const { mesh: m, document } = await mesh(t, 'auto')
  const first = await m.run(document, make, { on: await m.idOf('laptop') })
  const move = await m.done(await m.ask<Move>('POST', `/sessions/${first.run.session}/fork`, { name: 'sandbox' }))
  assert.notEqual(move.makes, null)
  const copy = await m.run(document, 'y.append(9)\nprint(y)', { session: 'sandbox' })
  assert.deepEqual([copy.printed, copy.run.session], ['[1, 2, 3, 9]', move.makes])
  assert.equal((await m.run(document, 'print(y)')).printed, '[1, 2, 3]')
})

test('a device that was cut off returns: the session comes home with what was done elsewhere', async t => {
  const { mesh: m, document } = await mesh(t, 'portable')
  const first = await m.run(document, make, { on: await m.idOf('laptop') })
  await m.saved(first, 'portable')
  const laptop = m.devices.get('laptop')!
  await laptop.kill('SIGKILL')
  const next = await m.run(document, ask, { failover: { elsewhereAfterMs: 0 } })
  assert.deepEqual([next.printed, next.run.deviceName], [expected, 'desktop'])
  await m.join('laptop', laptop.data)
  const home = await m.device('laptop')
  await eventually('it is home', async () => (await m.session()).device === home.id, 60_000)
  const back = await m.run(document, 'print(y)')
  assert.deepEqual([back.printed, back.run.deviceName], ['[1, 2, 3, 4]', 'laptop'])
})

test('a planned stop of a machine that is hub and device keeps the session: the next start goes on from there', async t => {
  const data = await temporaryFolder(t)
  const env = {
    MESHBOOK_BOOTSTRAP_TOKEN: token,
    MESHBOOK_SNAPSHOT: 'portable',
    MESHBOOK_TIMES_DIVISOR: `${timesDivisor}`,
  }
  const start = async () =>
    new Mesh(t, await startProcess(t, data, ['start', '--no-open', '--port', '0'], env), 'portable')
  const before = await start()
  await writeFile(join(data, 'projects/demo/a.md'), `\`\`\`python\n${make}\n\`\`\`\n`)
  await before.run(await before.document('a.md'), make)
  await before.hub.kill('SIGTERM')
  const after = await start()
  const next = await after.run(await after.document('a.md'), ask)
  assert.equal(next.printed, expected)
})
