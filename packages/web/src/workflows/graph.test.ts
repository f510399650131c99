import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Step, Steps } from '@meshbook/core/workflow/workflow-schema.ts'
import fc from 'fast-check'
import { drawnGraph, graphOf, graphWithoutFile, type Measures, stepBy } from './graph.ts'

const step = (needs: string[] = [], more: Partial<Step> = {}): Step => ({ transform: '1', needs, ...more })
const across: Measures = { width: 100, height: 40, gap: 20, space: 10, way: 'across' }
const down: Measures = { ...across, way: 'down' }

test('PO71 each step stands once, in a later layer than all that it needs and all whose way out it is', () => {
  const acyclic = fc
    .array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 30 })
    .map(
      (rows): Steps =>
        Object.fromEntries(
          rows.map((needs, n) => [`s${n}`, step(n === 0 ? [] : [...new Set(needs.map(need => `s${need % n}`))])]),
        ),
    )
  fc.assert(
    fc.property(acyclic, steps => {
      const { layers, edges } = graphOf(steps)
      const depth = new Map(layers.flatMap((layer, at) => layer.map(id => [id, at] as const)))
      assert.deepEqual(layers.flat().sort(), Object.keys(steps).sort())
      for (const { from, to } of edges) assert.ok(depth.get(from)! < depth.get(to)!, `${from} before ${to}`)
    }),
    { numRuns: 50 },
  )
})

test('PO71 a way out is an edge of its own kind', () => {
  const { layers, edges } = graphOf({ a: step([], { on_error: 'mend' }), mend: step(), b: step(['a']) })
  assert.deepEqual(layers[0], ['a'])
  assert.deepEqual(
    edges.map(({ from, to, isWayOut }) => [from, to, isWayOut]),
    [
      ['a', 'mend', true],
      ['a', 'b', false],
    ],
  )
})

test('PO71 steps that are joined stand near each other: two chains do not cross', () => {
  const { layers } = graphOf({ a: step(), b: step(), y: step(['b']), x: step(['a']), q: step(['y']), p: step(['x']) })
  assert.deepEqual(layers, [
    ['a', 'b'],
    ['x', 'y'],
    ['p', 'q'],
  ])
})

test('PO71 no two steps of a drawing lie over each other, and all lie within it, across as down', () => {
  const graph = graphOf({ a: step(), b: step(['a']), c: step(['a']), d: step(['a']), e: step(['b', 'c', 'd']) })
  for (const measures of [across, down]) {
    const { boxes, width, height, lines } = drawnGraph(graph, measures)
    assert.equal(lines.length, 6)
    for (const [n, { x, y }] of boxes.entries()) {
      assert.ok(x >= 0 && y >= 0 && x + 100 <= width && y + 40 <= height)
      for (const other of boxes.slice(n + 1)) assert.ok(Math.abs(other.x - x) >= 100 || Math.abs(other.y - y) >= 40)
    }
  }
  assert.deepEqual(drawnGraph(graphWithoutFile([]), across).boxes, [])
})

test('PO71 arrow keys lead to the nearest step in their direction, and nowhere at the edge', () => {
  const drawing = drawnGraph(graphOf({ a: step(), b: step(['a']), c: step(['a']), d: step(['b', 'c']) }), across)
  assert.equal(stepBy('ArrowRight', 'b', drawing), 'd')
  assert.equal(stepBy('ArrowDown', 'b', drawing), 'c')
  assert.equal(stepBy('ArrowLeft', 'a', drawing), undefined)
  assert.equal(stepBy('End', 'a', drawing), 'd')
  assert.equal(stepBy('Home', 'd', drawing), 'a')
  assert.equal(stepBy('x', 'd', drawing), undefined)
})
