import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type AssetId,
  type DocumentId,
  newId,
  parseAssetId,
  parseFence,
  parseRunId,
  parseSeq,
  systemRandom,
} from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { CellRef, Lease } from '@meshbook/core/messages.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import * as Y from 'yjs'
import type { DocumentPeer } from '../document-peer.ts'
import { until } from '../testing/until.ts'
import { executionsOf } from './execution-entry.ts'
import { contentOf } from './notebook-reading.ts'
import { RunProjection } from './run-projection.ts'
import type { RunSource } from './run-source.ts'

const make = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, 0, systemRandom)
const completed: RunEvent = { type: 'completed', at: 2, durationMs: 1 }
const out = (text: string): RunEvent => ({ type: 'stdout', at: 1, text })

function setUp(text: string, options: { code?: string; cell?: CellRef } = {}) {
  const doc = new Y.Doc()
  contentOf(doc).insert(0, text)
  const id = make('document') as DocumentId
  const peer: DocumentPeer = {
    id,
    doc,
    ready: Promise.resolve(),
    synced: Promise.resolve(),
    durable: () => Promise.resolve(),
    isShared: () => false,
    close: () => Promise.resolve(),
  }
  const lease: Lease = {
    run: parseRunId('run-1'),
    project: make('project'),
    document: id,
    session: make('session'),
    sessionName: 'default',
    head: make('head'),
    fence: parseFence(1),
    language: 'python',
    code: options.code ?? 'x',
    cell: options.cell ?? { by: 'index', index: 0 },
    requestedBy: 'me',
    requestedAt: 0,
    expiresAt: 1,
  }
  const kept: string[] = []
  const projection = () =>
    new RunProjection(peer, lease, {
      limits: { ...limits, outputBlockWaitMs: 30, projectionMs: 10 },
      now: () => 5,
      ranOn: { device: 'd', name: 'Desk' },
      claimedBy: 'd',
      slim: async event => event,
      keepText: async pieces => {
        let whole = ''
        for await (const piece of pieces) whole += Buffer.from(piece).toString('utf8')
        kept.push(whole)
        return { asset: parseAssetId(`sha256-${'c'.repeat(64)}`) as AssetId, bytes: whole.length }
      },
    })
  return { doc, lease, kept, projection, text: () => contentOf(doc).toString() }
}

function sourceOf(lease: Lease, events: readonly RunEvent[], pauseMs = 0): RunSource {
  return {
    async *events(after) {
      for (const [i, event] of events.entries()) {
        if (pauseMs > 0) await new Promise(resolve => setTimeout(resolve, pauseMs))
        if (i >= after) yield { run: lease.run, fence: lease.fence, seq: parseSeq(i + 1), event }
      }
    },
    asset: () => Promise.reject(new Error('no asset')),
    forget: () => Promise.resolve(),
  }
}

const go = new AbortController().signal

test('a projection that is done again after a crash leaves the same text, and shows nothing shorter on the way', async () => {
  const { doc, lease, projection, text } = setUp('```python\nx\n```\n')
  const events = [...Array.from({ length: 20 }, (_, i) => out(`line ${i}\n`)), completed]
  const stop = new AbortController()
  const first = projection()
  first.claim()
  const cut = first.follow(sourceOf(lease, events, 3), 0, stop.signal)
  await until('half of it', () => text().includes('line 9'))
  stop.abort()
  assert.equal(await cut, false)
  const shown = text().length
  const known = text().match(/line \d+\n/g)!.length
  let shortest = Number.POSITIVE_INFINITY
  contentOf(doc).observe(() => {
    shortest = Math.min(shortest, text().length)
  })
  const second = projection()
  second.claim()
  assert.equal(await second.follow(sourceOf(lease, events), known, go), true)
  const whole = Array.from({ length: 20 }, (_, i) => `line ${i}\n`).join('')
  assert.equal(text(), `\`\`\`python\nx\n\`\`\`\n\n\`\`\`output:run-1\n${whole}\`\`\`\n`)
  assert.ok(shortest >= shown, `${shortest} < ${shown}`)
})

test('output is appended: what stands in the block already keeps its identity', async () => {
  const { doc, lease, projection } = setUp('```python\nx\n```\n')
  const run = projection()
  run.claim()
  let removed = 0
  contentOf(doc).observe(event => {
    for (const change of event.changes.delta) removed += change.delete ?? 0
  })
  await run.follow(sourceOf(lease, [...Array.from({ length: 10 }, (_, i) => out(`line ${i}\n`)), completed], 6), 0, go)
  assert.equal(removed, 0)
})

test('a block that the user deletes while the run goes on stays deleted; the entry still tells the end', async () => {
  const { doc, lease, projection, text } = setUp('```python\nx\n```\n')
  const run = projection()
  run.claim()
  const end = run.follow(sourceOf(lease, [...Array.from({ length: 10 }, () => out('again\n')), completed], 8), 0, go)
  await until('the output', () => text().includes('again'))
  const at = text().indexOf('\n```output')
  contentOf(doc).delete(at, text().length - at)
  await end
  assert.equal(text(), '```python\nx\n```\n')
  assert.equal((executionsOf(doc).get('run-1') as Y.Map<unknown>).get('status'), 'completed')
})

test('the cell has moved since it was asked for: its code finds it; a cell that is gone gets no output of another', async () => {
  const moved = setUp('```python\nnew\n```\n\n```python\nx\n```\n', { code: 'x', cell: { by: 'index', index: 0 } })
  const run = moved.projection()
  run.claim()
  await run.follow(sourceOf(moved.lease, [out('hello\n'), completed]), 0, go)
  assert.equal(moved.text(), '```python\nnew\n```\n\n```python\nx\n```\n\n```output:run-1\nhello\n```\n')

  const probe = setUp('```python\nx\n```\n\n```python\nother\n```\n')
  const anchor = Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(contentOf(probe.doc), 0)) as Record<
    string,
    unknown
  >
  Object.assign(probe.lease, { cell: { by: 'anchor', anchor } })
  contentOf(probe.doc).delete(0, '```python\nx\n```\n\n```'.length)
  const lost = probe.projection()
  lost.claim()
  await lost.follow(sourceOf(probe.lease, [out('hello\n'), completed]), 0, go)
  assert.doesNotMatch(probe.text(), /hello/)
})

test('50 MB of output: the document is capped and the whole text is kept as an asset (I10)', async () => {
  const { doc, lease, kept, projection, text } = setUp('```python\nx\n```\n')
  const piece = `${'x'.repeat(63)}\n`.repeat(1_600)
  const events = [...Array.from({ length: 500 }, () => out(piece)), completed]
  const run = projection()
  run.claim()
  await run.follow(sourceOf(lease, events), 0, go)
  assert.ok(text().length < limits.documentOutputBytes + 1_000)
  assert.match(text(), /… [\d,]+ bytes not shown …/)
  assert.equal(kept[0]?.length, piece.length * 500)
  assert.deepEqual((executionsOf(doc).get('run-1') as Y.Map<unknown>).get('fullOutput'), {
    asset: `sha256-${'c'.repeat(64)}`,
    bytes: piece.length * 500,
  })
})

test('hostile entries and positions do no harm', async () => {
  const { doc, lease, projection, text } = setUp('```python\nx\n```\n')
  executionsOf(doc).set('run-1', {
    id: 'run-1',
    status: 'requested',
    outputPosition: { type: 'nonsense', item: 7 },
    outputBlockReady: 'yes',
    outputBy: 'monitor',
    cell: [1, 2],
  })
  const run = projection()
  run.claim()
  await run.follow(sourceOf(lease, [out('hello\n'), completed]), 0, go)
  assert.equal(text(), '```python\nx\n```\n\n```output:run-1\nhello\n```\n')
})
