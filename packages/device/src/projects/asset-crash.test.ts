import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { TreeEntry } from '@meshbook/core/executions.ts'
import { MortalProcess } from '../testing/mortal-disk.ts'
import { FileHub, mortalSharing, type Sharer, sharer } from '../testing/shared-files.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { until } from '../testing/until.ts'

/** Every file of a folder with its content, also the hidden ones. */
function contentOf(p: Sharer): Record<string, string> {
  const names = readdirSync(p.folder, { recursive: true, withFileTypes: true }).filter(it => it.isFile())
  const files = names.map(it => join(it.parentPath, it.name)).filter(file => !file.endsWith('project.json'))
  return Object.fromEntries(files.map(file => [file.slice(p.folder.length + 1), readFileSync(file, 'utf8')]))
}

async function start(t: TestContext): Promise<{ a: Sharer; b: Sharer }> {
  const hub = new FileHub(join(await temporaryFolder(), 'hub'))
  const a = await sharer(t, hub, 'anvil')
  const b = await sharer(t, hub, 'bench', a)
  await a.write('x.csv', 'x')
  await a.write('y.csv', 'y')
  await Promise.all([a.start(), b.start()])
  await until('both are there', () => [...b.files.rows.values()].filter(row => row.asset !== null).length === 2)
  return { a, b }
}

const same = (p: Sharer, wanted: Record<string, string>) => {
  const found = contentOf(p)
  const keys = Object.keys(wanted)
  return keys.length === Object.keys(found).length && keys.every(key => found[key] === wanted[key])
}

/** What another device does while this one dies, and what both must hold once it has started again. */
const cases: {
  name: string
  change: (a: Sharer, b: Sharer) => Promise<void>
  wanted: Record<string, string>
}[] = [
  {
    name: 'a file that comes',
    change: a => a.write('z.csv', 'z'),
    wanted: { 'x.csv': 'x', 'y.csv': 'y', 'z.csv': 'z' },
  },
  { name: 'a file that is replaced', change: a => a.write('x.csv', 'new'), wanted: { 'x.csv': 'new', 'y.csv': 'y' } },
  {
    name: 'a file that is moved elsewhere',
    change: a => a.rename('x.csv', 'deep/z.csv'),
    wanted: { 'deep/z.csv': 'x', 'y.csv': 'y' },
  },
  { name: 'a file that is deleted elsewhere', change: a => a.unlink('x.csv'), wanted: { 'y.csv': 'y' } },
  {
    name: 'a file that is new here',
    change: (_a, b) => b.write('z.csv', 'z'),
    wanted: { 'x.csv': 'x', 'y.csv': 'y', 'z.csv': 'z' },
  },
  {
    name: 'a file that is changed here',
    change: (_a, b) => b.write('x.csv', 'new'),
    wanted: { 'x.csv': 'new', 'y.csv': 'y' },
  },
  {
    name: 'a file that is moved here',
    change: (_a, b) => b.rename('x.csv', 'z.csv'),
    wanted: { 'z.csv': 'x', 'y.csv': 'y' },
  },
  { name: 'a file that is deleted here', change: (_a, b) => b.unlink('x.csv'), wanted: { 'y.csv': 'y' } },
  {
    name: 'two files that swap their names elsewhere',
    change: async a => {
      const [[one, x], [other, y]] = [...a.tree.entries()].sort(([, p], [, q]) => (p.path < q.path ? -1 : 1)) as [
        [string, TreeEntry],
        [string, TreeEntry],
      ]
      a.tree.doc!.transact(() => {
        a.tree.set(one, { ...x, path: 'y.csv' })
        a.tree.set(other, { ...y, path: 'x.csv' })
      })
    },
    wanted: { 'x.csv': 'y', 'y.csv': 'x' },
  },
]

const mostSteps = 12
const steps = Array.from({ length: mostSteps }, (_, n) => n + 1)

async function restart(t: TestContext, b: Sharer): Promise<void> {
  const whole = new MortalProcess(Number.POSITIVE_INFINITY)
  t.after(() => whole.bury())
  mortalSharing(b, () => Promise.resolve(), whole.disk)
  Object.assign(b, { after: whole.after })
  await b.start()
}

function die(t: TestContext, b: Sharer, steps: number): MortalProcess {
  const mortal = new MortalProcess(steps)
  t.after(() => mortal.bury())
  mortalSharing(b, mortal.storing, mortal.disk)
  Object.assign(b, { after: mortal.after, hasCrashed: true })
  return mortal
}

for (const { name, change, wanted } of cases)
  test(`DV56 ${name}: a kill after any step loses nothing and makes nothing twice`, { concurrency: 6 }, async t => {
    const tests = steps.map(steps =>
      t.test(`step ${steps}`, async t => {
        const { a, b } = await start(t)
        await b.stop()
        const sharing = b.sharing
        const mortal = die(t, b, steps)
        void b.start()
        await change(a, b)
        await until('the death', () => mortal.isDead, 500).catch(() => mortal.bury())
        b.sharing = sharing
        await restart(t, b)
        await until('both are right', () => same(a, wanted) && same(b, wanted)).catch(() =>
          assert.fail(
            JSON.stringify([
              contentOf(a),
              contentOf(b),
              a.tree.toJSON(),
              [...b.files.rows.values()].map(row => [row.id, row.path, row.asset?.slice(0, 12)]),
            ]),
          ),
        )
        await new Promise(resolve => setTimeout(resolve, 200))
        assert.deepEqual([contentOf(a), contentOf(b)], [wanted, wanted])
        const living = [...a.tree.values()].filter(it => it.deletedAt === undefined)
        assert.equal(living.length, Object.keys(wanted).length)
        assert.deepEqual([...a.problems.list(), ...b.problems.list()], [])
      }),
    )
    await Promise.all(tests)
  })

test('DV56 a conflict: a kill after any step leaves both contents once', { concurrency: 6 }, async t => {
  const tests = steps.map(steps =>
    t.test(`step ${steps}`, async t => {
      const { a, b } = await start(t)
      await b.stop()
      await b.write('x.csv', 'from b')
      await a.write('x.csv', 'from a')
      await until('a', () => [...a.tree.values()].some(it => it.bytes === 6))
      const sharing = b.sharing
      const mortal = die(t, b, steps)
      void b.start()
      await until('the death', () => mortal.isDead, 600).catch(() => mortal.bury())
      b.sharing = sharing
      await restart(t, b)
      const right = (p: Sharer) => {
        const found = contentOf(p)
        const copies = Object.keys(found).filter(path => path.includes('(conflict'))
        return found['x.csv'] === 'from a' && copies.length === 1 && found[copies[0]!] === 'from b'
      }
      await until('both are right', () => right(a) && right(b)).catch(() =>
        assert.fail(JSON.stringify([contentOf(a), contentOf(b), a.tree.toJSON(), b.problems.list()])),
      )
      await new Promise(resolve => setTimeout(resolve, 200))
      assert.deepEqual([Object.keys(contentOf(a)).length, contentOf(b)], [3, contentOf(a)])
    }),
  )
  await Promise.all(tests)
})
