import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PageRun } from './criu-images.ts'
import { placed, placesOf, segmentsOf } from './page-runs.ts'

/** Runs in order that do not touch, and their pages one behind the other in a file. */
const runs = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })), { maxLength: 20 })
  .map(gaps => {
    const list: PageRun[] = []
    let page = 0
    let at = 0
    for (const [gap, count] of gaps) {
      list.push({ start: page + gap, count, at })
      page += gap + count
      at += count
    }
    return list
  })

const pagesOf = (list: readonly PageRun[]) =>
  new Map(list.flatMap(({ start, count, at }) => Array.from({ length: count }, (_, i) => [start + i, at + i] as const)))

test('SN15: segments have every page of now, in order, each with its place of before', () => {
  fc.assert(
    fc.property(runs, runs, (now, before) => {
      const old = pagesOf(before)
      const found = [...segmentsOf(now, before)].flatMap(({ start, count, at, before: from }) =>
        Array.from(
          { length: count },
          (_, i) => [start + i, at + i, from === undefined ? undefined : from + i] as const,
        ),
      )
      assert.deepEqual(
        found,
        [...pagesOf(now)].map(([page, at]) => [page, at, old.get(page)]),
      )
    }),
  )
})

test('SN15: pages of the store stay where they are, and no two have one place', () => {
  fc.assert(
    fc.property(runs, runs, (now, before) => {
      const old = pagesOf(before)
      const next = pagesOf(placed([...segmentsOf(now, before)], before))
      assert.deepEqual([...next.keys()].sort(), [...pagesOf(now).keys()].sort())
      assert.equal(new Set(next.values()).size, next.size)
      for (const [page, at] of next) if (old.has(page)) assert.equal(at, old.get(page))
    }),
  )
})

test('SN21: the places of pages are those of their runs', () => {
  fc.assert(
    fc.property(runs, fc.integer({ min: 0, max: 120 }), fc.integer({ min: 1, max: 60 }), (list, start, count) => {
      const all = pagesOf(list)
      const found = [...placesOf(list, start, count)].flatMap(({ at, skip, count: pages }) =>
        Array.from({ length: pages }, (_, i) => [start + skip + i, at + i] as const),
      )
      assert.deepEqual(
        found,
        [...all].filter(([page]) => page >= start && page < start + count),
      )
    }),
  )
})
