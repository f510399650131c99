/** Dragging an item to another place with a pointer: where it would go, scrolling at the edges, Escape to let it be. */
import { moveTo } from './actions.ts'
import type { OpenNotebook } from './open-notebook.ts'

const edge = 70
const scrollStep = 14
/** A press that hardly moves is a click. */
const leastMove = 5

export function beginDrag(notebook: OpenNotebook, key: string, event: PointerEvent): void {
  event.preventDefault()
  const handle = event.currentTarget as HTMLElement
  const stage = handle.closest('.stage')!
  const startedAt = event.clientY
  let y = startedAt
  let frame = 0
  let moves = false
  handle.setPointerCapture(event.pointerId)
  // What is selected stays drawn, however far it is dragged.
  notebook.editing.value = notebook.anchor.value = undefined
  notebook.selected.value = key
  const ended = new AbortController()
  const draw = () => {
    const by = y < edge ? -scrollStep : y > innerHeight - edge ? scrollStep : 0
    if (by !== 0) stage.scrollBy(0, by)
    notebook.drag.value = { key, ...placeAt(notebook, y) }
    frame = requestAnimationFrame(draw)
  }
  const end = (drop: boolean) => {
    ended.abort()
    cancelAnimationFrame(frame)
    const target = notebook.drag.peek()
    notebook.drag.value = undefined
    if (drop && target) moveTo(notebook, key, target.place)
  }
  const options = { signal: ended.signal }
  handle.addEventListener(
    'pointermove',
    ({ clientY }) => {
      y = clientY
      if (!moves && Math.abs(y - startedAt) >= leastMove) {
        moves = true
        draw()
      }
    },
    options,
  )
  handle.addEventListener('pointerup', () => end(true), options)
  handle.addEventListener('pointercancel', () => end(false), options)
  addEventListener('keydown', pressed => pressed.key === 'Escape' && end(false), options)
}

/** Before which item something dropped at this height goes, and where the line that shows it is in the column. */
function placeAt(notebook: OpenNotebook, y: number): { place: number; top: number } {
  const column = document.querySelector('.column')!.getBoundingClientRect().top
  const { items } = notebook.store.page
  const boxes = items.flatMap(({ key }, at) => {
    const item = document.getElementById(`item-${key}`)
    return item ? [{ at, item }] : []
  })
  const boxOf = (nth: number) => boxes[nth]?.item.getBoundingClientRect()
  let [low, high] = [0, boxes.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const box = boxOf(middle)
    if (box && y > box.top + box.height / 2) low = middle + 1
    else high = middle
  }
  const before = boxes[low]?.at ?? (boxes.at(-1)?.at ?? -1) + 1
  const place = items[0]?.kind === 'front-matter' ? Math.max(1, before) : before
  const top = boxOf(low)?.top ?? (boxOf(low - 1)?.bottom ?? column) + 10
  return { place, top: top - column - 8 }
}
