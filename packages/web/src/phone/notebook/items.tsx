/** The items of a notebook: what is on the first screens at once, the rest while nothing else is to be done (PH4). */
import { useEffect, useState } from 'preact/hooks'
import { OutputView } from '../../notebook/output-view.tsx'
import { MarkdownView } from '../../prose/markdown-view.tsx'
import { memo } from '../../shell/memo.ts'
import { whenIdle } from '../../shell/when-idle.ts'
import { Cell } from './cell.tsx'
import { EditArea, fetchParts } from './parts.tsx'
import { usePhoneNotebook } from './phone-notebook.ts'

const first = 8
const more = 24

export function Items() {
  const keys = usePhoneNotebook().store.order.value
  const [drawn, setDrawn] = useState(first)
  useEffect(() => {
    if (drawn < keys.length) whenIdle(() => setDrawn(count => count + more))
    else whenIdle(fetchParts)
  }, [drawn, keys.length])
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
  const notebook = usePhoneNotebook()
  const view = notebook.store.view(itemKey)?.value
  const isEdited = notebook.editing.value === itemKey
  if (!view || view.kind === 'front-matter') return null
  if (view.kind === 'cell') return <Cell itemKey={itemKey} view={view} isEdited={isEdited} />
  if (view.kind === 'output') return <OutputView output={view.output} />
  if (isEdited) return <EditArea itemKey={itemKey} label="Text" text={view.source} />
  const edit = (event: Event) => {
    if (!(event.target as Element).closest('a') && notebook.mayWrite) notebook.edit(itemKey)
  }
  return (
    <div class="item prose-item" id={`item-${itemKey}`} onDblClick={edit}>
      <MarkdownView source={view.source} />
    </div>
  )
})
