/** The keys that a soft keyboard hides, above it. A press keeps the keyboard open (PH32). */
import { say } from '../say.ts'
import { Icon } from '../shell/icons.tsx'
import { showItem } from './item-sheet.tsx'
import { characterKey, tabKey } from './key-edits.ts'
import { useKeyboardHeight } from './keyboard-height.ts'
import type { Keys, PhoneNotebook } from './phone-notebook.ts'

const characters = ['(', ')', '[', ']', '{', '}', '"', "'", ':', '=', '_', '#', '`', '*', '-']

export function KeyBar({ notebook, keys }: { notebook: PhoneNotebook; keys: Keys }) {
  const { itemKey, language, typing, apply } = keys
  const bottom = useKeyboardHeight()
  const keepFocus = (event: Event) => event.preventDefault()
  const { undo } = notebook.store
  const run = () => {
    notebook.run(itemKey).catch(thrown => say(thrown, 'The cell was not run'))
  }
  return (
    <div
      class="key-bar"
      style={{ bottom }}
      role="toolbar"
      aria-label="Keys"
      onPointerDown={keepFocus}
      onMouseDown={keepFocus}
    >
      <div class="keys">
        {language !== undefined && (
          <button type="button" class="key" onClick={() => apply(tabKey(typing(), false))}>
            Tab
          </button>
        )}
        {characters.map(key => (
          <button key={key} type="button" class="key" onClick={() => apply(characterKey(key, typing()))}>
            {key}
          </button>
        ))}
        <button type="button" class="key" aria-label="Undo" onClick={() => undo.undo()}>
          <Icon name="undo" size={20} />
        </button>
        <button type="button" class="key" aria-label="Redo" onClick={() => undo.redo()}>
          <Icon name="redo" size={20} />
        </button>
      </div>
      <button type="button" class="key" aria-label="More" onClick={() => showItem(notebook, itemKey)}>
        <Icon name="more" size={20} />
      </button>
      {language !== undefined && (
        <button type="button" class="key accent" aria-label="Run the cell" onClick={run}>
          <Icon name="runs" size={20} />
        </button>
      )}
      <button
        type="button"
        class="key accent"
        onClick={() => {
          notebook.editing.value = undefined
        }}
      >
        Done
      </button>
    </div>
  )
}
