/** The steps of a workflow as a drawing: layers by what they need, in an order with few crossings. Pure. */
import { edgesIn } from '@meshbook/core/workflow/check-workflow.ts'
import { needsOf, type Steps } from '@meshbook/core/workflow/workflow-schema.ts'

export interface Edge {
  from: string
  to: string
  /** `to` is the way out when `from` fails. */
  isWayOut: boolean
}

export interface Graph {
  /** Every step once; a step stands in a later layer than all that it waits for. */
  layers: readonly (readonly string[])[]
  edges: readonly Edge[]
}

const sweeps = 6

export function graphOf(steps: Steps): Graph {
  const before = edgesIn(steps)
  const edges = Object.entries(steps).flatMap(([to, step]) =>
    before.get(to)!.map(from => ({ from, to, isWayOut: !needsOf(step).includes(from) })),
  )
  return { layers: ordered(layersOf(before), edges), edges }
}

/** Where nobody knows the file: as they began. */
export function graphWithoutFile(ids: readonly string[]): Graph {
  return { layers: ids.map(id => [id]), edges: [] }
}

function layersOf(before: ReadonlyMap<string, readonly string[]>): string[][] {
  const depths = new Map<string, number>()
  const depthOf = (id: string): number => {
    const known = depths.get(id)
    if (known !== undefined) return known
    const depth = Math.max(-1, ...before.get(id)!.map(depthOf)) + 1
    depths.set(id, depth)
    return depth
  }
  const layers: string[][] = []
  for (const id of before.keys()) {
    const depth = depthOf(id)
    layers[depth] ??= []
    layers[depth].push(id)
  }
  return layers
}

/** Each step near the middle of those that it is joined to, forth and back a few times. */
function ordered(layers: string[][], edges: readonly Edge[]): string[][] {
  const near = { up: new Map<string, string[]>(), down: new Map<string, string[]>() }
  for (const { from, to } of edges) {
    near.up.set(to, [...(near.up.get(to) ?? []), from])
    near.down.set(from, [...(near.down.get(from) ?? []), to])
  }
  const place = new Map<string, number>()
  const put = (layer: readonly string[]) => {
    for (const [at, id] of layer.entries()) place.set(id, (at + 0.5) / layer.length)
  }
  const next = layers.map(layer => [...layer])
  for (const layer of next) put(layer)
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const isDown = sweep % 2 === 0
    for (const layer of isDown ? next : [...next].reverse()) {
      const middle = (id: string): number => {
        const joined = (isDown ? near.up : near.down).get(id)
        return joined ? joined.reduce((sum, one) => sum + place.get(one)!, 0) / joined.length : place.get(id)!
      }
      const middles = new Map(layer.map(id => [id, middle(id)]))
      layer.sort((a, b) => middles.get(a)! - middles.get(b)!)
      put(layer)
    }
  }
  return next
}

export interface Measures {
  width: number
  height: number
  /** Between layers, and between steps of a layer. */
  gap: number
  space: number
  /** `across`: layers stand beside each other; `down`: below. */
  way: 'across' | 'down'
}

export interface Box {
  id: string
  x: number
  y: number
}

export interface Drawing {
  width: number
  height: number
  boxes: readonly Box[]
  lines: readonly (Edge & { path: string })[]
}

export function drawnGraph({ layers, edges }: Graph, m: Measures): Drawing {
  const isAcross = m.way === 'across'
  const [along, beside] = isAcross ? [m.width, m.height] : [m.height, m.width]
  const widest = Math.max(1, ...layers.map(layer => layer.length))
  const breadth = widest * beside + (widest - 1) * m.space
  const boxes = layers.flatMap((layer, depth) => {
    const own = layer.length * beside + (layer.length - 1) * m.space
    return layer.map((id, at): Box => {
      const [main, cross] = [depth * (along + m.gap), (breadth - own) / 2 + at * (beside + m.space)]
      return isAcross ? { id, x: main, y: cross } : { id, x: cross, y: main }
    })
  })
  const length = layers.length * along + Math.max(0, layers.length - 1) * m.gap
  const [width, height] = isAcross ? [length, breadth] : [breadth, length]
  const known = new Map(boxes.map(box => [box.id, box]))
  const lines = edges.map(edge => ({ ...edge, path: lineOf(known.get(edge.from)!, known.get(edge.to)!, m) }))
  return { width, height, boxes, lines }
}

function lineOf(from: Box, to: Box, m: Measures): string {
  if (m.way === 'across') {
    const [x1, y1, x2, y2] = [from.x + m.width, from.y + m.height / 2, to.x, to.y + m.height / 2]
    const bend = Math.max(m.gap / 2, (x2 - x1) / 2)
    return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`
  }
  const [x1, y1, x2, y2] = [from.x + m.width / 2, from.y + m.height, to.x + m.width / 2, to.y]
  const bend = Math.max(m.gap / 2, (y2 - y1) / 2)
  return `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}`
}

const keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] } as const

/** Which step a key leads to: the nearest that lies in its direction. */
export function stepBy(key: string, at: string, { boxes }: Drawing): string | undefined {
  if (key === 'Home') return boxes[0]?.id
  if (key === 'End') return boxes.at(-1)?.id
  const way = keys[key as keyof typeof keys]
  const from = boxes.find(({ id }) => id === at)
  if (!way || !from) return undefined
  const [dx, dy] = way
  let best: { id: string; far: number } | undefined
  for (const { id, x, y } of boxes) {
    const ahead = (x - from.x) * dx + (y - from.y) * dy
    if (id === at || ahead <= 0) continue
    const aside = Math.abs((x - from.x) * dy) + Math.abs((y - from.y) * dx)
    const far = ahead + 2 * aside
    if (!best || far < best.far) best = { id, far }
  }
  return best?.id
}
