/**
 * Every probe from inside of a real worker, by the shell of a real agent: none may succeed. Each result is also that of a
 * table in docs/security.md, which names the same probes.
 */
import assert from 'node:assert/strict'
import { readFile, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { git } from '../git-hosts/git-remote.ts'
import { type Ask, answers, type Says, turnsOf } from '../model-server/script.ts'
import type { DriverBed, DriverKind } from './driver-beds.ts'
import { exhaustions, type Probe, type ProbeSite, probes } from './probes.ts'
import { WorkerBed } from './worker-bed.ts'

const page = join(import.meta.dirname, '../../docs/security.md')
const canary = 'canary-3f1c9a72'
/** As said after each attempt: the runner, its channel and its tools are still there. */
const alive = 'the agent goes on'

interface Site extends ProbeSite {
  met: string[]
}

async function listening(server: Server, at: object): Promise<void> {
  await new Promise<void>(resolve => server.listen(at, resolve))
}

async function siteOf(t: TestContext, bed: WorkerBed, other: string): Promise<Site> {
  const met: string[] = []
  const meet = (): Server => createServer(socket => void met.push(String(socket.remoteAddress))).unref()
  const door = meet()
  await listening(door, { port: 0, host: '::' })
  const abstractSocket = `mb-${process.pid}-${Math.random()}`
  const abstract = meet()
  await listening(abstract, { path: `\0${abstractSocket}` })
  const hostFile = join(tmpdir(), `mb-host-${process.pid}`)
  const hostMark = `${hostFile}-mark`
  await writeFile(hostFile, `${canary}\n`, { mode: 0o644 })
  t.after(async () => {
    door.close()
    abstract.close()
    for (const path of [hostFile, hostMark]) await rm(path, { force: true })
  })
  const own = Object.values(networkInterfaces()).flatMap(list => (list ?? []).filter(({ family }) => family === 'IPv4'))
  return {
    met,
    hubPort: (door.address() as { port: number }).port,
    hubAddresses: [...new Set(['127.0.0.1', '172.17.0.1', ...own.map(({ address }) => address)])],
    abstractSocket,
    hostFile,
    hostMark,
    secrets: [bed.models.key, 'git-password-81f2', canary],
    otherSockets: other,
    branch: bed.order.branch,
  }
}

export function probeSuite(kind: DriverKind): void {
  describe(`probes of the sandbox by ${kind.name}`, { skip: kind.skip }, () => {
    const enders: (() => unknown)[] = []
    let driver: DriverBed
    before(async () => {
      driver = await kind.open({ after: end => void enders.push(end) })
    })
    after(async () => {
      for (const end of enders.reverse()) await end()
    })

    test(`nothing gets out of a worker by ${kind.name}`, { timeout: 240_000 }, async t => {
      const { bed, site, results } = await attempt(t, driver, probes)
      const wrong = probes.flatMap(probe => notHeld(t, probe, results.get(probe.name)!))
      assert.deepEqual(wrong, [])
      assert.deepEqual(site.met, [], 'somebody was reached')
      assert.deepEqual(bed.blocked.includes('example.org'), true, 'what was blocked is noted')
      await assert.rejects(stat(site.hostMark), { code: 'ENOENT' }, 'the host ran something')
      const repository = bed.scene.repositories.find(bed.scene.org, bed.order.task)!
      assert.equal(await git(repository.gitDir, 'show', `${bed.order.branch}:stolen`), site.hostFile)
      const everything = JSON.stringify([bed.log, bed.models.asked.map(({ body }) => body)])
      assert.ok(!everything.includes(bed.models.key) && !everything.includes(canary), 'a secret is in the log')
    })

    for (const probe of exhaustions)
      test(`${probe.name}: the worker and the machine go on by ${kind.name}`, { timeout: 120_000 }, async t => {
        const free = await statfs(tmpdir())
        const { results } = await attempt(t, driver, [probe])
        assert.deepEqual(notHeld(t, probe, results.get(probe.name)!), [])
        const now = await statfs(tmpdir())
        const lost = (free.bavail - now.bavail) * now.bsize
        assert.ok(lost < 1.5 * 1024 ** 3, `${lost} bytes of the machine's disk are gone`)
      })

    test(`docs/security.md has every probe, with its result by ${kind.name}`, async () => {
      const rows = new Map(
        (await readFile(page, 'utf8'))
          .split('\n')
          .filter(line => line.startsWith('| '))
          .map(line => line.split('|').map(cell => cell.trim()))
          .map(([, name = '', ...cells]) => [name, cells] as const),
      )
      const column = rows.get('probe')?.indexOf(kind.name) ?? -1
      for (const { name } of [...probes, ...exhaustions]) assert.match(rows.get(name)?.[column] ?? '', /^held/, name)
    })
  })
}

function notHeld(t: TestContext, { name, mustSay }: Probe, said: string): string[] {
  if (said.includes('BREACH')) return [`${name}: ${said}`]
  if (!(mustSay ?? /tried/).test(said)) return [`${name} was not tried: ${said}`]
  t.diagnostic(`${name}: held`)
  return []
}

/** One turn for each probe, and after each another one, which shows that everything still works. */
async function attempt(t: TestContext, { driver }: DriverBed, list: readonly Probe[]) {
  let site: Site | undefined
  const script = (ask: Ask): Says => {
    const turn = turnsOf(ask)
    const probe = list[Math.floor(turn / 2)]
    if (!probe) return { say: 'Done.' }
    const command = turn % 2 === 0 ? probe.command(site!) : `echo ${alive}`
    return { calls: [{ tool: 'shell', input: { command, timeoutMs: 40_000 } }] }
  }
  const limits = { memoryBytes: 512 * 1024 ** 2 }
  const bed = await WorkerBed.open(t, { driver, script, limits })
  bed.scene.remote.credential = { username: 'x', password: 'git-password-81f2' }
  const other = await WorkerBed.open(t, { driver, script: () => ({ say: 'Nothing.' }) })
  const neighbour = await other.start({ warm: true })
  site = await siteOf(t, bed, other.socketFolder(neighbour))
  const id = await bed.start()
  const end = await bed.finished(230_000)
  assert.equal(end.outcome, 'done', JSON.stringify(end))
  const said = bed.all('tool-ended').map(({ content }) => content)
  const results = new Map(list.map((probe, index) => [probe.name, said[2 * index] ?? '']))
  for (const [index, probe] of list.entries())
    assert.match(said[2 * index + 1] ?? '', new RegExp(alive), `after: ${probe.name}: ${said[2 * index]}`)
  assert.equal(answers(bed.models.asked.at(-1)!).length, 2 * list.length)
  await other.stop(neighbour)
  t.diagnostic((await bed.stop(id)).slice(-500))
  return { bed, site, results }
}
