/** Restore and undo never lose what is typed at the same time: as a property of the merge, and over a real hub. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Version } from '@meshbook/core/api.ts'
import { applyEdits, type Edit } from '@meshbook/core/notebook/edits.ts'
import { mergeEdits } from '@meshbook/core/text/merge.ts'
import fc from 'fast-check'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { atEnd } from '../testing/at-end.ts'
import { startTestHub } from '../testing/test-hub.ts'
import { until } from '../testing/until.ts'

const text = fc
  .array(fc.constantFrom('alpha beta', 'gamma', '', '```python', 'x = 1', '```', 'delta epsilon'), { maxLength: 12 })
  .map(lines => lines.join('\n'))
/** Characters that stand nowhere else, so that each can be followed. */
const mark = (i: number) => String.fromCharCode(0xe000 + i)
const places = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 })

test('every character typed since the version that is gone back from is there afterwards, once (HI20, HI21)', () => {
  fc.assert(
    fc.property(text, text, places, (base, wanted, typed) => {
      const sorted = typed.map(place => Math.round(place * base.length)).sort((a, b) => a - b)
      const typing = sorted.map((at, i): Edit => ({ at, remove: 0, insert: mark(i) }))
      const now = applyEdits(base, typing)
      const result = applyEdits(now, mergeEdits(base, wanted, now))
      for (const [i] of typed.entries()) assert.equal(result.split(mark(i)).length, 2)
    }),
    { numRuns: 2_000 },
  )
})

test('while two others type, restore and undo lose nothing: it is in the text or in the version before (HI20, HI21)', async t => {
  const hub = await startTestHub(t)
  const start = 'alpha\nbeta\ngamma\n'
  class Signed extends WebSocket {
    constructor(url: string) {
      super(url, { headers: { authorization: `Bearer ${hub.token}` } })
    }
  }
  const open = (path: string) => {
    const doc = new Y.Doc()
    const provider = new WebsocketProvider(`${hub.hub.url.replace('http', 'ws')}/sync`, `me/demo/${path}`, doc, {
      WebSocketPolyfill: Signed as never,
      disableBc: true,
    })
    atEnd(t, () => {
      provider.destroy()
      doc.destroy()
    })
    return { provider, text: doc.getText('content') }
  }
  let round = 0
  const turn = fc.record({ kind: fc.constantFrom('restore', 'undo'), waits: fc.array(fc.nat(6), { maxLength: 10 }) })
  await fc.assert(
    fc.asyncProperty(fc.array(turn, { minLength: 1, maxLength: 3 }), async turns => {
      const path = `round-${round++}.md`
      const { id } = await hub.document(path, start)
      await hub.json('POST', `/documents/${id}/versions`, {})
      const peers = [open(path), open(path)]
      await until(() => peers.every(({ provider }) => provider.synced))
      peers[0]!.text.insert(0, 'a change\n')
      await until(() => peers[1]!.text.toString().startsWith('a change'))
      let typed = 0
      for (const [i, { kind, waits }] of turns.entries()) {
        const request = `${path}-turn-${i}`
        const body = kind === 'restore' ? { version: 1, request } : { request }
        const asked = hub.api('POST', `/documents/${id}/${kind}`, body)
        for (const [j, wait] of waits.entries()) {
          const { text } = peers[j % 2]!
          text.insert((typed * 7) % (text.length + 1), mark(typed++))
          await new Promise(resolve => setTimeout(resolve, wait))
        }
        assert.ok([200, 409].includes((await asked).status))
      }
      await until(() => peers[0]!.text.toString() === peers[1]!.text.toString())
      const content = async () => (await hub.api('GET', `/documents/${id}/content`)).text()
      await until(async () => (await content()) === peers[0]!.text.toString())
      const { items } = await hub.json<{ items: Version[] }>('GET', `/documents/${id}/versions`)
      const texts = await Promise.all(
        items.map(async ({ version }) => (await hub.api('GET', `/documents/${id}/versions/${version}`)).text()),
      )
      const now = await content()
      for (let i = 0; i < typed; i++) {
        assert.ok(now.split(mark(i)).length <= 2, 'nothing is doubled')
        assert.ok(
          [now, ...texts].some(text => text.includes(mark(i))),
          'nothing is lost',
        )
      }
      for (const { provider } of peers) provider.destroy()
    }),
    { numRuns: 12 },
  )
})
