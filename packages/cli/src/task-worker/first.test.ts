/** The first process of a worker, as a process of this machine without control groups: what it leaves behind (TW1, TW3). */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

const script = join(import.meta.dirname, 'first.sh')
const isLinux = process.platform === 'linux'
const skip = isLinux ? false : 'needs /proc'
/** As long as it takes to notice that the first process is gone, twice. */
const noticedMs = 12_000
let marks = 0

interface First {
  child: ChildProcess
  /** Processes of it, by their arguments. */
  left(): Promise<string[]>
}

function first(
  t: TestContext,
  { runner, seconds = 90_000, grace = 20 }: { runner: string; seconds?: number; grace?: number },
): First {
  const mark = `mark-${process.pid}-${marks++}`
  const words = ['bash', '-c', runner, mark]
  const child = spawn('bash', [script, String(seconds), String(grace), String(words.length), ...words, 'cat', '-'], {
    stdio: 'ignore',
  })
  const found = async (): Promise<[pid: number, command: string][]> => {
    const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
    const commands = await Promise.all(pids.map(pid => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
    return commands.flatMap((text, i) => (text.includes(mark) ? [[Number(pids[i]), text.replaceAll('\0', ' ')]] : []))
  }
  t.after(async () => {
    for (const [pid] of await found()) process.kill(pid, 'SIGKILL')
  })
  return { child, left: async () => (await found()).map(([, command]) => command) }
}

async function until(what: string, isSo: () => Promise<boolean>, ms = noticedMs): Promise<void> {
  for (const deadline = performance.now() + ms; !(await isSo()); await sleep(50))
    if (performance.now() > deadline) assert.fail(`not in time: ${what}`)
}

const sleepers = async (seconds: number): Promise<number> => {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  const commands = await Promise.all(pids.map(pid => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
  return commands.filter(text => text === `sleep\0${seconds}\0`).length
}

test('TW1 TW3 it ends with the code of its runner, and nothing that counted its time is left', { skip }, async t => {
  const { child, left } = first(t, { runner: 'sleep 0.5; exit 7', seconds: 91_357 })
  assert.deepEqual(await once(child, 'exit'), [7, null])
  assert.deepEqual(await left(), [])
  assert.equal(await sleepers(91_357), 0)
})

test('TW3 a worker whose time is over is asked to end, and forced when it does not', { skip }, async t => {
  const began = performance.now()
  const deaf = first(t, { runner: 'trap "" TERM; while :; do sleep 0.2; done', seconds: 1, grace: 1 })
  assert.deepEqual(await once(deaf.child, 'exit'), [137, null])
  assert.ok(performance.now() - began >= 2_000)
  assert.deepEqual(await deaf.left(), [])
  const obeys = first(t, { runner: 'trap "exit 3" TERM; while :; do sleep 0.1; done', seconds: 1, grace: 60 })
  assert.deepEqual(await once(obeys.child, 'exit'), [3, null])
  assert.deepEqual(await obeys.left(), [])
})

test('TW3 what counts the time of a worker ends also when its first process is killed', { skip }, async t => {
  const { child, left } = first(t, { runner: 'sleep 1; echo', seconds: 91_358 })
  await until('it counts', async () => (await left()).length >= 3)
  child.kill('SIGKILL')
  await until('nothing is left', async () => (await left()).length === 0)
  assert.equal(await sleepers(91_358), 0)
})
