/** Whatever is killed, daemon, kernel host or kernel, and whenever: the next daemon leaves nothing that nobody looks after (I9, KH20–KH22). */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { newId, type SessionId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { hostsOf, markedBelow, markOf, processesOf } from '@meshbook/device/kernels/process-tree.ts'
import { createKernelSessions } from '@meshbook/device/kernels/sessions.ts'
import { type Cleanup, eventually, temporaryFolder } from '../mesh-process.ts'
import { chanceOf } from '../soak/random.ts'

const entry = join(import.meta.dirname, 'kernel-daemon.ts')
const rounds = 12
const newSession = (): SessionId => newId('session', Date.now(), systemRandom)

interface Place {
  sessions: string
  project: string
}

async function placeOf(t: Cleanup): Promise<Place> {
  const base = await temporaryFolder(t)
  const place = { sessions: join(base, 'sessions'), project: join(base, 'project') }
  await mkdir(place.project)
  await mkdir(place.sessions)
  return place
}

function daemon({ sessions, project }: Place, ids: SessionId[]): ChildProcess {
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', entry, sessions, project, ...ids], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

const open = ({ sessions }: Place) =>
  createKernelSessions({ folder: sessions, now: Date.now, random: systemRandom, limits })

test('I9 KH21 the daemon is killed at any moment while it starts sessions, sometimes their hosts and kernels too', async t => {
  const place = await placeOf(t)
  const chance = chanceOf(5)
  const ids = [newSession(), newSession()]
  for (let round = 0; round < rounds; round++) {
    const child = daemon(place, ids)
    await sleep(chance.between(100, 1_500))
    await kill(child)
    for (const id of ids) {
      const mark = markOf(join(place.sessions, id))
      const share = chance.next()
      if (share < 0.3) for (const pid of await hostsOf(mark)) process.kill(pid, 'SIGKILL')
      else if (share < 0.5)
        for (const pid of (await processesOf(mark, undefined)).slice(0, 1)) process.kill(pid, 'SIGKILL')
    }
  }
  const next = open(place)
  t.after(() => next.stopAll())
  const recovered = await next.recover()
  for (const { session, alive } of recovered) {
    const mark = markOf(join(place.sessions, session.spec.session))
    assert.equal((await hostsOf(mark)).length, 1, 'one host serves the journal')
    if (!alive) assert.deepEqual(await processesOf(mark, undefined), [], 'what a kernel left has ended')
  }
  const known = new Set<string>(recovered.map(({ session }) => session.spec.session))
  for (const id of await markedBelow(place.sessions)) assert.ok(known.has(id), `nobody looks after ${id}`)
  await next.stopAll()
  assert.deepEqual(await markedBelow(place.sessions), new Set())
})

test('I9 KH22 what runs for a session whose folder is gone ends when a daemon starts, host dead or alive', async t => {
  const place = await placeOf(t)
  const ids = [newSession(), newSession()]
  const child = daemon(place, ids)
  await once(child.stdout!, 'data')
  await kill(child)
  const [dead] = ids
  for (const pid of await hostsOf(markOf(join(place.sessions, dead!)))) process.kill(pid, 'SIGKILL')
  assert.equal((await markedBelow(place.sessions)).size, 2)
  await rm(place.sessions, { recursive: true, force: true })
  const next = open(place)
  t.after(() => next.stopAll())
  assert.deepEqual(await next.recover(), [])
  await eventually('nothing runs', async () => (await markedBelow(place.sessions)).size === 0)
})
