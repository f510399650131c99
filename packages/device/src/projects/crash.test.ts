import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { until } from '../testing/until.ts'

const child = fileURLToPath(new URL('../testing/crash-child.ts', import.meta.url))
const rounds = 5

/** An editor that saves what it sees plus a line of its own, while the daemon stands still and is not just writing. */
async function save(daemon: ChildProcess, folder: string, line: string): Promise<void> {
  const file = join(folder, 'a.md')
  for (;;) {
    daemon.kill('SIGSTOP')
    await new Promise(resolve => setTimeout(resolve, 20))
    const isWriting = readdirSync(folder).some(name => name.endsWith('.tmp'))
    if (!isWriting) writeFileSync(file, `${readFileSync(file, 'utf8')}${line}\n`)
    daemon.kill('SIGCONT')
    if (!isWriting) return
    await new Promise(resolve => setTimeout(resolve, 3))
  }
}

test('the daemon is killed again and again while file and document are edited: no acknowledged line is lost or doubled, the file is never torn (I1, I9, I13)', async t => {
  const root = await temporaryFolder()
  const [data, folder] = [join(root, 'data'), join(root, 'folder')]
  await mkdir(data)
  await mkdir(folder)
  const file = join(folder, 'a.md')
  await writeFile(file, 'first line\nlast line\n')
  const ids = [newId('project', Date.now(), systemRandom), newId('document', Date.now(), systemRandom)]
  const acknowledged: number[] = []
  const saved: string[] = []
  const start = () => {
    const daemon = spawn(process.execPath, [child, data, folder, ...ids, String((acknowledged.at(-1) ?? -1) + 1000)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.after(() => daemon.kill('SIGKILL'))
    daemon.stdout.on('data', chunk => acknowledged.push(...String(chunk).trim().split('\n').map(Number)))
    return daemon
  }
  for (let round = 0; round < rounds; round++) {
    const before = acknowledged.length
    const daemon = start()
    await until('some typing', () => acknowledged.length > before + 3)
    const line = `saved ${round}`
    await save(daemon, folder, line)
    saved.push(line)
    await new Promise(resolve => setTimeout(resolve, round * 12))
    daemon.kill('SIGKILL')
    // Not `exit`: what it acknowledged last may still be on the way.
    await once(daemon, 'close')
    const text = await readFile(file, 'utf8')
    assert.ok(text.includes('first line\n') && text.includes('last line\n') && text.endsWith('\n'), 'the file is whole')
  }
  // It goes on typing, and the file follows: what was acknowledged until now has to arrive.
  const wanted = [...acknowledged.map(n => `typed ${n}`), ...saved]
  const daemon = start()
  const notOnce = async () => {
    const lines = (await readFile(file, 'utf8')).split('\n')
    return wanted.filter(line => lines.filter(it => it === line).length !== 1)
  }
  await until('everything in the file', async () => (await notOnce()).length === 0).catch(async () =>
    assert.fail(`not once in the file: ${(await notOnce()).slice(0, 10).join(', ')}`),
  )
  daemon.kill('SIGKILL')
  await once(daemon, 'exit')
  const left = (await readdir(folder)).filter(name => name.endsWith('.tmp'))
  assert.ok(left.length <= 1, `temporary files are left: ${left.join(', ')}`)
})
