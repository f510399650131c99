/** What draws a notebook that has more than plain text is fetched before it is shown, so that nothing moves afterwards. */
import type { ExecutionEntry } from '@meshbook/core/executions.ts'
import { htmlReading } from '../prose/raw-html.ts'
import { mayHoldHtml } from '../prose/read-prose.ts'
import { whenIdle } from '../shell/when-idle.ts'
import type { ItemStore } from './item-store.ts'
import { isMoreThanText } from './output-view.tsx'
import { richDrawing } from './rich-when-needed.tsx'

/** `entries` are of the runs that it shows. What cannot be had says so in its place. */
export async function readyToDraw(store: ItemStore, entries: Iterable<ExecutionEntry | undefined>): Promise<void> {
  await Promise.all([readyForProse(store), readyForOutputs(store, entries)])
}

async function readyForProse({ page }: ItemStore): Promise<void> {
  const load = () => htmlReading.load().catch(() => undefined)
  const text = (from: number, to: number) => page.source.slice(from, to)
  if (page.items.some(({ kind, from, to }) => kind === 'prose' && mayHoldHtml(text(from, to)))) await load()
  else whenIdle(load)
}

async function readyForOutputs(store: ItemStore, entries: Iterable<ExecutionEntry | undefined>): Promise<void> {
  const load = () => richDrawing.load().catch(() => undefined)
  const hasImages = store.order.peek().some(key => {
    const view = store.view(key)?.peek()
    return view?.kind === 'cell' && view.outputs.some(({ images }) => images.length > 0)
  })
  if (hasImages || [...entries].some(isMoreThanText)) await load()
  else whenIdle(load)
}
