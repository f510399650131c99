import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import { nameFor, pieceOf } from './piece.ts'
import { type SettlePorts, settle } from './settle-shared.ts'
import { type Goal, type Shared, tooMuch } from './shared.ts'

const place = { project: 'prj_1', projectName: 'demo', owner: 'me' }
const end: Goal = { is: 'end', ...place, path: 'diary.md', document: 'doc_1' }
const note: Goal = { is: 'new', ...place, path: 'note.md' }
const file = (name: string) => ({
  name,
  type: 'image/png',
  bytes: 3,
  asset: `sha256-${name.charCodeAt(0).toString(16).padStart(64, '0')}`,
  data: new Blob(['abc']),
})

/** A phone and its hub, in which any call may be the last before a kill. */
class World implements SettlePorts {
  doc = new Y.Doc()
  kept: Shared | undefined
  readonly notes = new Map<string, string>()
  readonly assets = new Set<string>()
  isOpen = true
  /** How many steps are left. */
  life = Number.POSITIVE_INFINITY

  constructor(shared: Partial<Shared>) {
    this.doc.getText('content').insert(0, '# Diary\n')
    this.kept = { id: 's', at: 1, title: '', text: '', url: '', files: [], ...shared }
  }

  #step(): void {
    if (--this.life < 0) throw new Error('killed')
  }

  readonly store = {
    change: async (_id: string, make: (shared: Shared) => Shared | 'drop' | undefined) => {
      this.#step()
      const next = this.kept && make(this.kept)
      if (next === 'drop') this.kept = undefined
      else if (next) this.kept = next
      this.#step()
      return next === 'drop' ? undefined : next
    },
  }

  readonly onDocument = async (_goal: Goal, work: (doc: Y.Doc) => Promise<void>) => {
    await work(this.doc)
    this.#step()
    return 'stored' as const
  }

  readonly sendFile = async ({ asset }: { asset: string }) => {
    this.#step()
    if (this.isOpen) this.assets.add(asset)
    this.#step()
    return this.isOpen
  }

  readonly makeNote = async ({ path }: Goal, text: string) => {
    this.#step()
    if (!this.isOpen) return 'away' as const
    const there = this.notes.get(path)
    if (there !== undefined) return there.includes(text.trim()) ? ('made' as const) : ('taken' as const)
    this.notes.set(path, text)
    this.#step()
    return 'made' as const
  }

  text = () => this.doc.getText('content').toString()
  again = async () => this.kept && settle(this.kept, this)
}

test('PH64 wherever it is killed, what was shared stands at the end of its notebook once', async () => {
  for (let life = 0; life < 14; life++) {
    const world = new World({ text: 'Seen.', goal: end, files: [file('a'), file('b')] })
    world.life = life
    await world.again().catch(() => undefined)
    world.life = Number.POSITIVE_INFINITY
    // Somebody else writes between.
    world.doc.getText('content').insert(0, 'Before.\n')
    await world.again()
    assert.equal(world.kept, undefined, `after ${life} steps`)
    assert.equal(world.text().split('Seen.').length, 2, `after ${life} steps: ${world.text()}`)
    assert.equal(world.assets.size, 2)
  }
})

test('PH64 wherever it is killed, one note is made', async () => {
  for (let life = 0; life < 10; life++) {
    const world = new World({ text: 'Seen.', goal: note, files: [file('a')] })
    world.life = life
    await world.again().catch(() => undefined)
    world.life = Number.POSITIVE_INFINITY
    await world.again()
    assert.deepEqual([...world.notes.keys()], ['note.md'])
    assert.equal(world.kept, undefined)
  }
})

test('PH64 an edit of a document that the hub made anew is not written twice where it came along as text', async () => {
  const world = new World({ text: 'Seen.', goal: end, files: [file('a')] })
  world.isOpen = false
  await world.again()
  const { written: _, ...before } = world.kept!
  world.kept = before
  const text = world.text()
  world.doc = new Y.Doc()
  world.doc.getText('content').insert(0, text)
  world.isOpen = true
  await world.again()
  assert.equal(world.text().split('Seen.').length, 2)
})

test('PH64 without the hub the edit stands at once and the file waits; a name that is taken is asked about', async () => {
  const away = new World({ text: 'Seen.', goal: end, files: [file('a')] })
  away.isOpen = false
  assert.equal(await away.again(), 'waits')
  assert.match(away.text(), /Seen\.\n\n!\[a\]\(asset:sha256-/)
  assert.equal(away.kept?.written, true)
  const taken = new World({ text: 'Seen.', goal: note })
  taken.notes.set('note.md', 'Of somebody else.')
  assert.equal(await taken.again(), 'refused')
  assert.equal(taken.notes.get('note.md'), 'Of somebody else.')
  assert.match(taken.kept!.refused!.message, /another notebook of that name/)
})

test('PH61 what was shared becomes Markdown that swallows nothing, and a name that a file may have', () => {
  const shared: Shared = {
    id: 's',
    at: 1,
    title: 'A [b]',
    text: '```\nopen https://x.example/a(1)',
    url: '',
    files: [],
  }
  assert.match(pieceOf(shared), /^\[A \\\[b\\\]\]\(https:\/\/x\.example\/a/)
  assert.equal(pieceOf({ ...shared, title: '', text: 'https://x.example/' }), '<https://x.example/>\n')
  assert.equal(pieceOf(shared).split('```').length, 3, 'the fence is closed')
  assert.equal(
    nameFor({ ...shared, title: '../a/b: c?' }, '2026-01-01', () => false),
    'a b c',
  )
  assert.equal(
    nameFor({ ...shared, title: 'x' }, '2026-01-01', path => path === 'x.md'),
    'x 2',
  )
  assert.equal(
    nameFor({ ...shared, title: '', text: '' }, '2026-01-01', () => false),
    'Shared 2026-01-01',
  )
})

test('PH65 more than the caps is too much', () => {
  assert.equal(tooMuch(['a'], [{ size: 1 }]), undefined)
  assert.equal(
    tooMuch(
      [],
      Array.from({ length: 21 }, () => ({ size: 1 })),
    ),
    'files',
  )
  assert.equal(tooMuch([], [{ size: 33 * 1024 * 1024 }]), 'bytes')
  assert.equal(tooMuch(['x'.repeat(500_001)], []), 'text')
})
