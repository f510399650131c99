/**
 * kill -9 of `backup` and `restore` at moments drawn from a seed: the data is the old or the new, never a mixture, the
 * file is a backup or is not there, and the next start or command goes on as if nothing had been (BK5, BK22, I9).
 * MESHBOOK_KILLS says how many moments; MESHBOOK_SEED where the draw begins.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type FSWatcher, watch } from 'node:fs'
import { cp, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { finishRestore } from '@meshbook/hub/backup/work-folder.ts'
import { backUp, restoreInto, type TestBackup, verifyIn } from '@meshbook/hub/testing/backup-job.ts'
import { seeded } from '@meshbook/hub/testing/seeded.ts'
import { startTestHub, type TestHub } from '@meshbook/hub/testing/test-hub.ts'
import { identityToRecipient } from 'age-encryption'
import { temporaryFolder } from '../mesh-process.ts'

const kills = Number(process.env.MESHBOOK_KILLS ?? 26)
const seed = Number(process.env.MESHBOOK_SEED ?? 22)
const main = join(import.meta.dirname, '../../packages/cli/src/main.ts')

/** Two data folders that differ in every part, and a backup of the second. */
interface Generations {
  old: string
  backup: TestBackup
}

async function generations(t: TestContext): Promise<Generations> {
  const [old, fresh] = [await startTestHub(t), await startTestHub(t)]
  for (const [test, name] of [
    [old, 'old'],
    [fresh, 'new'],
  ] as const)
    for (let i = 0; i < 40; i++) await test.document(`${name}-${i}.md`, `${name} `.repeat(5_000))
  await putAsset(old, 'old')
  await putAsset(fresh, 'new')
  await old.hub.close()
  await fresh.hub.close()
  return { old: old.folder, backup: await backUp(t, fresh.folder) }
}

const hexOf = (text: string) => createHash('sha256').update(text).digest('hex')

async function putAsset(test: TestHub, text: string): Promise<void> {
  const headers = { authorization: `Bearer ${test.token}` }
  const url = `${test.hub.url}/api/v1/assets/sha256-${hexOf(text)}`
  assert.equal((await fetch(url, { method: 'PUT', headers, body: text })).status, 201)
}

function startCommand(t: TestContext, args: string[], key: string): ChildProcess {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args], {
    stdio: ['ignore', 'ignore', 'ignore'],
    env: { ...process.env, MESHBOOK_RECOVERY_KEY: key },
  })
  t.after(() => child.kill('SIGKILL'))
  return child
}

async function run(t: TestContext, args: string[], key: string): Promise<number> {
  const started = performance.now()
  const [code] = await once(startCommand(t, args, key), 'exit')
  assert.equal(code, 0, args.join(' '))
  return performance.now() - started
}

/** True when the command was killed before its end: so long after its start, or after `signs` has said that it is time. */
async function runAndKill(
  t: TestContext,
  args: string[],
  key: string,
  afterMs: number,
  signs?: (now: () => void) => FSWatcher,
): Promise<boolean> {
  const child = startCommand(t, args, key)
  const ended = once(child, 'exit')
  let timer: NodeJS.Timeout | undefined
  const arm = (): void => {
    timer ??= setTimeout(() => child.kill('SIGKILL'), afterMs)
  }
  const watcher = signs?.(arm)
  if (!watcher) arm()
  const [, signal] = await ended
  watcher?.close()
  clearTimeout(timer)
  return signal === 'SIGKILL'
}

/** The swap takes milliseconds: a moment inside it is found by its note. */
const swapBegins = (data: string) => (now: () => void) =>
  watch(data, (_event, name) => name === 'restore-pending.json' && now())

/** Which of the two generations a folder holds; fails on anything else. */
async function generationOf(folder: string): Promise<string> {
  const db = new DatabaseSync(join(folder, 'hub.db'), { readOnly: true })
  try {
    const rows = db.prepare('SELECT path FROM documents ORDER BY path').all() as { path: string }[]
    const names = new Set(rows.map(({ path }) => path.split('-')[0]!))
    assert.equal(rows.length, 40)
    assert.equal(names.size, 1, 'the two are mixed')
    const { integrity_check: verdict } = db.prepare('PRAGMA integrity_check').get() as { integrity_check: string }
    assert.equal(verdict, 'ok')
    const [name] = [...names] as [string]
    const files = await readdir(join(folder, 'assets'), { recursive: true })
    for (const text of ['old', 'new'])
      assert.equal(
        files.some(path => path.includes(hexOf(text))),
        text === name,
        `the asset of ${text} beside the rows of ${name}`,
      )
    return name
  } finally {
    db.close()
  }
}

test(`restore killed at ${kills} moments of seed ${seed} leaves the old data or the new (BK22, I9)`, async t => {
  const { old, backup } = await generations(t)
  const random = seeded(seed)
  const args = (data: string) => ['restore', backup.file, '--replace', '--data', data]
  const lasts = await run(t, args(await copyOf(t, old)), backup.key)
  const seen = new Map<string, number>()
  for (let i = 0; i < kills; i++) {
    const data = await copyOf(t, old)
    // The first third is the start of the program, which touches nothing.
    const killed =
      i % 2 === 0
        ? await runAndKill(t, args(data), backup.key, lasts * (0.3 + 0.8 * random()))
        : await runAndKill(t, args(data), backup.key, 8 * random(), swapBegins(data))
    await finishRestore(data)
    const now = await generationOf(data)
    seen.set(`${killed ? 'killed' : 'ended'} ${now}`, (seen.get(`${killed ? 'killed' : 'ended'} ${now}`) ?? 0) + 1)
    if (!killed) assert.equal(now, 'new')
    const left = (await readdir(data)).filter(name => /^backup-work$|pending|partial/.test(name))
    assert.deepEqual(left, [], `moment ${i}`)
    if (i % 6 === 0) {
      await restoreInto(data, backup, true)
      assert.equal(await generationOf(data), 'new')
    }
    await rm(data, { recursive: true })
  }
  t.diagnostic([...seen].map(([what, count]) => `${what}: ${count}`).join(', '))
  assert.ok([...seen.keys()].some(what => what.startsWith('killed')))
})

test('a restore for which the disk has no room leaves the old data as it was (BK23)', async t => {
  const { old, backup } = await generations(t)
  const args = [process.execPath, '--disable-warning=ExperimentalWarning', main, 'restore', backup.file, '--replace']
  // No file may be larger than 64 KiB: the new database does not fit, as on a full disk.
  const limited = spawn('sh', ['-c', 'ulimit -f 128; exec "$@"', 'sh', ...args, '--json', '--data', old], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, MESHBOOK_RECOVERY_KEY: backup.key },
  })
  let printed = ''
  limited.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text
  })
  await once(limited, 'close')
  assert.match(printed, /"error":"(?:STORAGE_FAILED|DISK_FULL)"/)
  await finishRestore(old)
  assert.equal(await generationOf(old), 'old')
  assert.ok(!(await readdir(old)).some(name => /^backup-work$|pending|before-restore/.test(name)))
})

async function copyOf(t: TestContext, folder: string): Promise<string> {
  const copy = join(await temporaryFolder(t), 'data')
  await cp(folder, copy, { recursive: true })
  return copy
}

test(`backup killed at ${kills} moments of seed ${seed} leaves a whole file or none (BK5, I9)`, async t => {
  const { old, backup } = await generations(t)
  const random = seeded(seed + 1)
  const folder = await temporaryFolder(t)
  const setUp = [
    'backup',
    join(folder, 'first.age'),
    '--recipient',
    await identityToRecipient(backup.key),
    '--data',
    old,
  ]
  const lasts = await run(t, setUp, backup.key)
  let [whole, none] = [0, 0]
  for (let i = 0; i < kills; i++) {
    const file = join(folder, `${i}.age`)
    await runAndKill(t, ['backup', file, '--data', old], backup.key, lasts * (0.3 + 0.8 * random()))
    if (
      await stat(file).then(
        () => true,
        () => false,
      )
    ) {
      whole++
      assert.equal((await verifyIn(old, { file, key: backup.key })).documents, 41)
    } else none++
    assert.equal(await generationOf(old), 'old')
  }
  await run(t, ['backup', join(folder, 'last.age'), '--data', old], backup.key)
  assert.ok(!(await readdir(old)).includes('backup-work'))
  t.diagnostic(`whole: ${whole}, none: ${none}`)
})
