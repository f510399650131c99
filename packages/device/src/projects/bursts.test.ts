import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sharedNames } from '@meshbook/core/executions.ts'
import type { DocumentId } from '@meshbook/core/ids.ts'
import { place } from '../testing/project-place.ts'
import { until } from '../testing/until.ts'
import type { Watch } from './disk.ts'
import { NodeDisk } from './node-disk.ts'

/** The figures for 5,000 are had with `BURST_FILES=5000`. */
const files = Number(process.env.BURST_FILES ?? 1_000)
const longMs = 90_000
const environment = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' }

test(`a checkout that changes ${files} files, one that removes them and one that brings them back: every document follows and keeps its id (DV45)`, async t => {
  const p = await place(t)
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], {
      cwd: p.folder,
      env: environment,
    })
  const writeAll = (text: (i: number) => string) => {
    for (let i = 0; i < files; i++) writeFileSync(join(p.folder, `d${i % 50}`, `${i}.md`), text(i))
  }
  git('init', '-q', '-b', 'one')
  git('commit', '-q', '--allow-empty', '-m', 'none')
  git('branch', 'none')
  for (let i = 0; i < 50; i++) mkdirSync(join(p.folder, `d${i}`))
  writeAll(i => `# ${i}\n\nunchanged\n`)
  git('add', '-A', '--', '*.md')
  git('commit', '-q', '-m', 'one')
  git('checkout', '-q', '-b', 'two')
  writeAll(i => `# ${i} of two\n\nunchanged\n`)
  git('commit', '-q', '-a', '-m', 'two')
  git('checkout', '-q', 'one')

  const report: Record<string, string> = {}
  const measured = async (what: string, action: () => unknown, done: () => boolean) => {
    const started = performance.now()
    await action()
    await until(
      what,
      async () => {
        await new Promise(resolve => setTimeout(resolve, 500))
        return done()
      },
      longMs,
    )
    const rss = Math.round(process.memoryUsage().rss / 2 ** 20)
    report[what] = `${Math.round(performance.now() - started)} ms, ${rss} MB`
  }
  const firstLine = (id: DocumentId) => p.documents.doc(id).getText(sharedNames.content).toString().split('\n')[0]!
  const all = (ending: string) => {
    const live = Object.values(p.live())
    return live.length === files && live.every(id => firstLine(id).endsWith(ending))
  }
  await measured(
    'attach',
    () => p.start(),
    () => Object.keys(p.live()).length === files,
  )
  const ids = p.live()
  await measured(
    'change',
    () => git('checkout', '-q', 'two'),
    () => all(' of two'),
  )
  assert.deepEqual(p.live(), ids)
  await measured(
    'remove',
    () => git('checkout', '-q', 'none'),
    () => Object.keys(p.live()).length === 0,
  )
  await measured(
    'return',
    () => git('checkout', '-q', 'two'),
    () => all(' of two'),
  )
  assert.deepEqual(p.live(), ids)
  t.diagnostic(JSON.stringify(report))
})

test('editors that save by renaming, by a backup, by emptying and with sed: each save is one document with one id (DV26, DV45)', async t => {
  const p = await place(t)
  await p.write('a.md', 'one\n')
  await p.start()
  const id = p.live()['a.md']
  const file = join(p.folder, 'a.md')
  const ways: Record<string, (text: string) => void | Promise<void>> = {
    /** Vim: the old file becomes the backup, a new file is written, the backup goes. */
    vim: text => {
      renameSync(file, `${file}~`)
      writeFileSync(file, text)
      unlinkSync(`${file}~`)
    },
    /** VS Code and most others: truncate and write. */
    code: text => writeFileSync(file, text),
    rename: text => {
      writeFileSync(`${file}.tmp`, text)
      renameSync(`${file}.tmp`, file)
    },
    sed: text => {
      const added = text.trimEnd().split('\n').at(-1)!
      execFileSync('sed', ['-i', `$a ${added}`, file])
    },
    slow: async text => {
      writeFileSync(file, '')
      await new Promise(resolve => setTimeout(resolve, 15))
      writeFileSync(file, text.slice(0, 2))
      await new Promise(resolve => setTimeout(resolve, 15))
      writeFileSync(file, text)
    },
  }
  let expected = 'one\n'
  for (const [name, save] of Object.entries(ways)) {
    p.text('a.md').insert(0, `typed before ${name}\n`)
    expected = `typed before ${name}\n${expected}`
    await p.settled('a.md', text => text === expected)
    expected = `${readFileSync(file, 'utf8')}saved by ${name}\n`
    await save(expected)
    await p.settled('a.md', text => text === expected)
    assert.deepEqual(p.live(), { 'a.md': id })
  }
})

/** A system that gives no more watches after the first. */
class FewWatches extends NodeDisk {
  #given = 0
  override watch(...args: Parameters<NodeDisk['watch']>): Watch | undefined {
    return this.#given++ < 1 ? super.watch(...args) : undefined
  }
}

test('where the system gives no more watches, scanning finds what changed (DV45)', async t => {
  const p = await place(t, new FewWatches())
  await p.write('sub/deep/a.md', 'one\n')
  await p.start()
  await p.write('sub/deep/a.md', 'two\n')
  await p.settled('sub/deep/a.md', text => text === 'two\n')
  rmSync(join(p.folder, 'sub'), { recursive: true })
  await until('the burial', () => Object.keys(p.live()).length === 0)
})
