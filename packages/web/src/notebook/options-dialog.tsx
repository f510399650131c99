/** The options of a cell, written into the cell in its own style (NB40). */
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { type CellOptions, optionsOf } from './cell-options.ts'
import { setOptions } from './cell-options-edit.ts'
import { useNotebook } from './open-notebook.ts'

export function OptionsDialog({ itemKey }: { itemKey: string }) {
  const notebook = useNotebook()
  const { store } = notebook
  const dialog = useRef<HTMLDialogElement>(null)
  const [options, setState] = useState<CellOptions | undefined>(() => {
    const item = store.find(itemKey)
    return item?.kind === 'cell' ? optionsOf(item.cell) : undefined
  })
  const [tags, setTags] = useState(() => options?.tags.join(', ') ?? '')
  useLayoutEffect(() => dialog.current?.showModal(), [])
  const close = () => {
    notebook.dialog.value = undefined
    notebook.select(itemKey)
  }
  if (!options) return null
  const set = (change: Partial<CellOptions>) => setState({ ...options, ...change })
  const save = (event: Event) => {
    event.preventDefault()
    const item = store.find(itemKey)
    const wanted = { ...options, label: options.label.trim(), tags: listOf(tags) }
    if (item?.kind === 'cell') store.write(setOptions(store.page.text, item.cell, wanted), 'step')
    close()
  }
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="options-title" onClose={close}>
      <form class="dialog-body" onSubmit={save}>
        <h2 id="options-title">Options of the cell</h2>
        <label>
          Label
          <input
            class="field"
            value={options.label}
            spellcheck={false}
            onInput={event => set({ label: event.currentTarget.value })}
          />
        </label>
        <label>
          Tags
          <input class="field" value={tags} spellcheck={false} onInput={event => setTags(event.currentTarget.value)} />
          <span class="faint">
            With commas. A cell with the tag raises-exception may fail: the cells after it still run.
          </span>
        </label>
        <Check label="Hide the code" on={options.hideInput} set={hideInput => set({ hideInput })} />
        <Check label="Hide the output" on={options.hideOutput} set={hideOutput => set({ hideOutput })} />
        <Check label="Leave it out when many cells run" on={!options.runs} set={off => set({ runs: !off })} />
        <div class="dialog-actions">
          <button type="button" class="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="button primary">
            Save
          </button>
        </div>
      </form>
    </dialog>
  )
}

function Check({ label, on, set }: { label: string; on: boolean; set: (on: boolean) => void }) {
  return (
    <label class="switch-line">
      <input type="checkbox" checked={on} onChange={event => set(event.currentTarget.checked)} />
      <span>{label}</span>
    </label>
  )
}

const listOf = (tags: string): string[] => [
  ...new Set(
    tags
      .split(',')
      .map(tag => tag.replace(/[[\]"']/g, '').trim())
      .filter(tag => tag !== ''),
  ),
]
