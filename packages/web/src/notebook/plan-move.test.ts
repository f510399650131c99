import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom } from '@meshbook/core/ids.ts'
import { applyChanges } from '@meshbook/core/text/text-delta.ts'
import fc from 'fast-check'
import * as Y from 'yjs'
import { ExecutionStore } from './execution-store.ts'
import { type Item, openPage } from './items.ts'
import { Mover } from './mover.ts'
import { NotebookStore } from './notebook-store.ts'
import { type MovePlan, planMove } from './plan-move.ts'
import { Runner } from './runner.ts'

const cell = (code: string, run?: string) =>
  `\`\`\`python\n${code}\n\`\`\`\n\n${run ? `\`\`\`output:${run}\n${code} said\n\`\`\`\n\n` : ''}`
const text = `# One\n\n${cell('a', 'run-1')}${cell('b')}Words.\n\n${cell('c', 'run-2')}`.trimEnd().concat('\n')
const never = () => false
const named = (source: string) =>
  openPage(source).items.map(item =>
    item.kind === 'cell'
      ? `${item.cell.code}${item.outputs.map(({ text: said }) => `>${said}`)}`
      : source.slice(item.from, item.to).trim(),
  )
const moved = (source: string, at: number, place: number, busy: (item: Item) => boolean = never) => {
  const plan = planMove(openPage(source), at, place, busy)
  return plan && plan !== 'busy' ? applyChanges(source, plan.changes) : plan
}

test('NB30 an item goes anywhere with its output, and nothing else changes its place', () => {
  const before = named(text)
  for (let at = 0; at < before.length; at++)
    for (let place = 0; place <= before.length; place++) {
      if (place === at || place === at + 1) {
        assert.equal(moved(text, at, place), undefined)
        continue
      }
      const wanted = before.filter((_, other) => other !== at)
      wanted.splice(place > at ? place - 1 : place, 0, before[at]!)
      const after = moved(text, at, place) as string
      // Prose beside prose is one piece of prose.
      assert.deepEqual(named(after).join('\n\n'), wanted.join('\n\n'), `${at} to ${place}`)
      assert.doesNotMatch(after, /\n\n\n/)
    }
})

test('NB30 the front matter stays the first', () => {
  const front = `---\ntitle: A\n---\n${text}`
  assert.equal(moved(front, 0, 3), undefined)
  assert.equal(moved(front, 2, 0), undefined)
  assert.ok((moved(front, 2, 1) as string).startsWith('---\ntitle: A\n---\n'))
})

test('NB30 past a cell that runs its neighbours move, and between two that run nothing does', () => {
  const isA = (item: Item) => item.kind === 'cell' && item.cell.code === 'a'
  const isAorB = (item: Item) => item.kind === 'cell' && 'ab'.includes(item.cell.code)
  const plan = planMove(openPage(text), 1, 4, isA) as MovePlan
  const runs = openPage(text).items[1]!
  assert.ok(
    plan.changes.every(({ from, to }) => to <= runs.from || from >= runs.to),
    'its own text is not touched',
  )
  assert.deepEqual(named(applyChanges(text, plan.changes)), ['# One', 'b', 'Words.', 'a>a said', 'c>c said'])
  assert.equal(moved(text, 1, 3, isAorB), 'busy')
})

test('NB30 what a plan says of where the text arrives is so, for any notebook', () => {
  const part = fc.constantFrom('text\n\n', cell('x'), cell('y', 'run-3'), '\n', '# h\n')
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), fc.nat(8), fc.nat(8), (parts, at, place) => {
      const source = parts.join('')
      const plan = planMove(openPage(source), at, place, never)
      if (!plan || plan === 'busy') return
      const after = applyChanges(source, plan.changes)
      const words = source.slice(plan.from, plan.to)
      assert.equal(after.slice(plan.arrives, plan.arrives + words.length), words)
    }),
    { numRuns: 2_000, seed: 3 },
  )
})

const atOnce = (run: () => void) => {
  const timer = setTimeout(run)
  return () => clearTimeout(timer)
}

/** Two pages of one document that hear of each other when told to. */
function twoPages() {
  const docs = [new Y.Doc(), new Y.Doc()]
  docs[0]!.getText('content').insert(0, text)
  const sync = () => {
    for (const [a, b] of [docs, docs.toReversed()])
      Y.applyUpdate(b!, Y.encodeStateAsUpdate(a!, Y.encodeStateVector(b!)), 'peer')
  }
  sync()
  const pages = docs.map(doc => {
    const store = new NotebookStore(doc, atOnce)
    const executions = new ExecutionStore(store)
    return { doc, store, executions, mover: new Mover(store, executions), text: doc.getText('content') }
  })
  return { pages, sync }
}
type OnePage = ReturnType<typeof twoPages>['pages'][number]

const move = ({ store, mover }: OnePage, at: number, place: number) =>
  mover.move(planMove(store.page, at, place, never) as MovePlan)
const typeAfter = (page: OnePage, words: string, typed: string) => {
  const at = page.text.toString().indexOf(words) + words.length
  for (const [n, char] of [...typed].entries()) page.text.insert(at + n, char)
}

test('NB31 what another page typed into a cell that was moved meanwhile is where the cell is', () => {
  for (const [at, place] of [
    [1, 5],
    [4, 0],
  ] as const) {
    const { pages, sync } = twoPages()
    const [one, other] = pages as [OnePage, OnePage]
    move(one, at, place)
    const code = at === 1 ? 'a' : 'c'
    typeAfter(other, `python\n${code}`, ' = 42')
    sync()
    sync()
    // It goes on typing before it heard of the move's end.
    assert.equal(one.text.toString(), other.text.toString())
    const cells = named(one.text.toString())
    assert.equal(cells.filter(name => name.startsWith(`${code} = 42`)).length, 1, cells.join(' | '))
    assert.equal(cells.length, 5, cells.join(' | '))
    one.store.undo.undo()
    const back = ['# One', 'a>a said', 'b', 'Words.', 'c>c said']
    assert.deepEqual(
      named(one.text.toString()),
      back.map(name => name.replace(`${code}>`, `${code} = 42>`)),
    )
  }
})

test('NB31 what was typed before two moves of a cell is where the second one put it', () => {
  const { pages, sync } = twoPages()
  const [one, other] = pages as [OnePage, OnePage]
  move(one, 1, 3)
  move(one, 2, 5)
  typeAfter(other, 'python\na', ' = 42')
  sync()
  sync()
  assert.deepEqual(named(other.text.toString()), ['# One', 'b', 'Words.', 'c>c said', 'a = 42>a said'])
  one.store.undo.undo()
  assert.equal(named(one.text.toString()).filter(name => name === 'a = 42>a said').length, 1)
})

test('NB31 what is written at the old place by somebody who knows of the move stays there', () => {
  const { pages, sync } = twoPages()
  const [one, other] = pages as [OnePage, OnePage]
  move(one, 1, 5)
  sync()
  typeAfter(other, '# One\n\n', 'New words.\n\n')
  sync()
  assert.deepEqual(named(one.text.toString())[0], '# One\n\nNew words.')
})

test('NB32 the run of a moved cell is still the run of that cell', async () => {
  const { pages } = twoPages()
  const [{ store, executions }] = pages as [OnePage, OnePage]
  const api = { startRun: async () => undefined }
  const runner = new Runner(store, executions, 'doc', { api, mayWrite: true, now: Date.now, random: systemRandom })
  const run = (await runner.run(store.order.value[1]!))!
  const mover = new Mover(store, executions)
  mover.move(planMove(store.page, 1, 5, never) as MovePlan)
  const key = store.order.value.at(-1)!
  assert.equal(executions.newest.value.get(key), run)
  mover.close()
})
