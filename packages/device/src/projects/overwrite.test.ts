import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Place } from '../testing/project-place.ts'
import { place } from '../testing/project-place.ts'
import { until } from '../testing/until.ts'
import { NodeDisk } from './node-disk.ts'

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))
const once1 = (text: string, lines: readonly string[]) => {
  const all = text.split('\n')
  return lines.filter(line => all.filter(it => it === line).length !== 1)
}

test('DV43 output streams into a file while an editor saves a buffer that is older: nothing of either side is lost (I13)', async t => {
  const p = await place(t)
  await p.write('a.md', '# Notes\n\n```output\nstart\n```\nlast line\n')
  await p.start()
  const written: string[] = []
  const saved: string[] = []
  for (let round = 0; round < 6; round++) {
    let buffer = readFileSync(join(p.folder, 'a.md'), 'utf8')
    for (let i = 0; i < 5; i++) {
      const line = `output ${round}.${i}`
      const content = p.text('a.md')
      content.insert(content.toString().indexOf('```\nlast'), `${line}\n`)
      written.push(line)
      await pause(i % 2 === 0 ? 60 : 5)
    }
    const line = `mine ${round}`
    saved.push(line)
    buffer = round % 2 === 0 ? buffer.replace('# Notes\n', `# Notes\n${line}\n`) : `${buffer}${line}\n`
    writeFileSync(join(p.folder, 'a.md'), buffer)
    await p.settled('a.md', text => once1(text, [...written, ...saved]).length === 0)
  }
})

test('DV43 an editor that removes what it has seen, or goes back to an older text, gets what it saved', async t => {
  const p = await place(t)
  await p.write('a.md', 'one\ntwo\n')
  await p.start()
  p.text('a.md').insert(0, 'output\n')
  await p.settled('a.md', text => text === 'output\none\ntwo\n')
  await p.write('a.md', 'one\ntwo\n')
  await p.settled('a.md', text => text === 'one\ntwo\n')
})

/** Another program that saves as fast as it can, in its own way, and says each line once it is written. */
function startWriter(file: string, way: string, lines: number): ChildProcess {
  const program = `
    const fs = require('node:fs'); const [file, way, lines] = process.argv.slice(1)
    const nap = ms => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
    const read = () => { for (;;) try { return fs.readFileSync(file, 'utf8') } catch (error) { if (error.code !== 'ENOENT') throw error } }
    for (let i = 0; i < Number(lines); i++) {
      const line = way + ' ' + i + '\\n'
      if (way === 'append') fs.appendFileSync(file, line)
      if (way === 'rename') { fs.writeFileSync(file + '~', read() + line); fs.renameSync(file + '~', file) }
      if (way === 'truncate') { const text = read(); fs.writeFileSync(file, text + line) }
      nap(Math.random() * 8)
    }`
  return spawn(process.execPath, ['-e', program, file, way, String(lines)], { stdio: ['ignore', 'ignore', 'inherit'] })
}

/** Lines that were written and stand nowhere: not in the document, not in the trash. */
async function lost(p: Place, lines: readonly string[]): Promise<string[]> {
  const everywhere = [p.text('a.md').toString(), ...(await p.trashed())].join('\n').split('\n')
  return lines.filter(line => !everywhere.includes(line))
}

for (const way of ['append', 'rename'] as const) {
  test(`DV24 a program that saves by ${way} all the time while the document is written: no line of either is lost (I13)`, async t => {
    const p = await place(t)
    await p.write('a.md', 'first\n')
    await p.start()
    const count = 300
    const writer = startWriter(join(p.folder, 'a.md'), way, count)
    t.after(() => writer.kill('SIGKILL'))
    const typed: string[] = []
    while (writer.exitCode === null) {
      typed.push(`typed ${typed.length}`)
      p.text('a.md').insert(0, `${typed.at(-1)}\n`)
      await pause(4)
    }
    await pause(0)
    const saved = Array.from({ length: count }, (_, i) => `${way} ${i}`)
    await until('every line', async () => (await lost(p, [...typed, ...saved])).length === 0, 15_000).catch(
      async () => {
        assert.fail(`lost: ${await lost(p, [...typed, ...saved])}`)
      },
    )
    await p.settled('a.md')
  })
}

test('DV24 what is written into a file after another took its name is found (I13)', async t => {
  const p = await place(t)
  await p.write('a.md', 'first\n')
  await p.start()
  const open = openSync(join(p.folder, 'a.md'), 'a')
  t.after(() => closeSync(open))
  p.text('a.md').insert(0, 'typed\n')
  await p.settled('a.md', text => text === 'typed\nfirst\n')
  writeSync(open, 'late\n')
  await p.settled('a.md', text => text === 'typed\nfirst\nlate\n')
  await until('its end', async () => (await readdir(p.folder)).every(name => !name.startsWith('.meshbook-')))
})

/** A disk on which somebody does something in the moment when a file has lost its name. */
class InterruptedDisk extends NodeDisk {
  interrupt: ((file: string) => void) | undefined
  override async exchange(...args: Parameters<NodeDisk['exchange']>): ReturnType<NodeDisk['exchange']> {
    const interrupt = this.interrupt
    if (!interrupt) return super.exchange(...args)
    this.interrupt = undefined
    const [, file, aside] = args
    renameSync(file, aside)
    interrupt(file)
    return 'taken'
  }
}

test('DV24 a file made in the moment between the names is merged, and what it lacks counts as removed only if it has the rest', async t => {
  const disk = new InterruptedDisk()
  const p = await place(t, disk)
  await p.write('a.md', 'one\ntwo\nthree\nfour\n')
  await p.start()
  disk.interrupt = file => writeFileSync(file, 'appended\n')
  p.text('a.md').insert(0, 'typed\n')
  const whole = ['typed', 'one', 'two', 'three', 'four', 'appended']
  await p.settled('a.md', text => once1(text, whole).length === 0 && text.split('\n').length === 7)
  disk.interrupt = file => writeFileSync(file, 'one\ntwo\nfour\nappended\nsaved\n')
  p.text('a.md').insert(0, 'more\n')
  await p.settled('a.md', text => once1(text, ['more', 'one', 'two', 'four', 'appended', 'saved']).length === 0)
  assert.ok(!p.text('a.md').toString().includes('three'))
})

test('DV24 who reads a file while it is written finds it whole but for moments', async t => {
  const p = await place(t)
  await p.write('a.md', 'first\n')
  await p.start()
  const reader = spawn(
    process.execPath,
    [
      '-e',
      `const fs = require('node:fs'); const file = process.argv[1]; let missing = 0, longest = 0, since = 0
      for (const end = Date.now() + 1500; Date.now() < end;) {
        try { const text = fs.readFileSync(file, 'utf8'); if (!text.endsWith('first\\n')) process.exit(3); since = 0 }
        catch { missing++; since ||= performance.now(); longest = Math.max(longest, performance.now() - since) } }
      process.stdout.write(JSON.stringify({ missing, longest }))`,
      join(p.folder, 'a.md'),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  t.after(() => reader.kill('SIGKILL'))
  let said = ''
  reader.stdout.on('data', chunk => {
    said += chunk
  })
  const ended = once(reader, 'exit')
  for (let i = 0; reader.exitCode === null; i++) {
    p.text('a.md').insert(0, `${i}\n`)
    await pause(3)
  }
  const [code] = await ended
  assert.equal(code, 0, 'never a torn file')
  t.diagnostic(said)
  assert.ok(JSON.parse(said).longest < 1_000)
  assert.ok(existsSync(join(p.folder, 'a.md')))
})
