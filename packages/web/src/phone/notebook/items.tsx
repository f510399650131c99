/** The items of a notebook: what is on the first screens at once, the rest while nothing else is to be done (PH4). */
import { useEffect, useState } from 'preact/hooks'
import { OutputView } from '../../notebook/output-view.tsx'
import { useReading } from '../../notebook/reading.ts'
import { MarkdownView } from '../../prose/markdown-view.tsx'
import { memo } from '../../shell/memo.ts'
import { whenIdle } from '../../shell/when-idle.ts'
import { Icon } from '../shell/icons.tsx'
import { Cell } from './cell.tsx'
import { useDoing } from './doing.ts'
import { EditArea, fetchParts } from './parts.tsx'

const first = 8
const more = 24

export function Items() {
  const doing = useDoing()
  const keys = useReading().store.order.value
  const [drawn, setDrawn] = useState(first)
  useEffect(() => {
    if (drawn < keys.length) whenIdle(() => setDrawn(count => count + more))
  }, [drawn, keys.length])
  useEffect(() => {
    if (doing) whenIdle(fetchParts)
  }, [doing])
  if (keys.length === 0) return <p class="empty faint">This notebook is empty. Press here to write.</p>
  return (
    <>
      {keys.slice(0, drawn).map(key => (
        <ItemView key={key} itemKey={key} />
      ))}
    </>
  )
}

const ItemView = memo(function ItemView({ itemKey }: { itemKey: string }) {
  const notebook = useReading()
  const doing = useDoing()
  const view = notebook.store.view(itemKey)?.value
  const isEdited = doing?.editing.value === itemKey
  if (!view || view.kind === 'front-matter') return null
  if (view.kind === 'cell') return <Cell itemKey={itemKey} view={view} isEdited={isEdited} />
  if (view.kind === 'output') return <OutputView output={view.output} />
  if (isEdited) return <EditArea itemKey={itemKey} label="Text" text={view.source} />
  return (
    <div class="item prose-item" id={`item-${itemKey}`}>
      <MarkdownView source={view.source} />
      {doing?.mayWrite !== false && (
        <button
          type="button"
          class="round edit-prose"
          aria-label="Edit the text"
          onClick={() => notebook.edit(itemKey, 'start')}
        >
          <Icon name="edit" />
        </button>
      )}
    </div>
  )
})
