/** The thin place between two items where something new can be put. */
import { Icon } from '../shell/icons.tsx'
import { Menu } from '../shell/menu.tsx'
import { insert, insertProse, newCell } from './actions.ts'
import { cellLanguages } from './cell-languages.ts'
import { useNotebook } from './open-notebook.ts'

export function InsertBar({ index, always = false }: { index: number; always?: boolean }) {
  const notebook = useNotebook()
  const before = () => notebook.store.page.items[index - 1]?.key
  return (
    <div class={`insert-bar ${always ? 'always' : ''}`}>
      <div class="insert-buttons">
        <button
          type="button"
          class="button small"
          tabIndex={always ? 0 : -1}
          onClick={() => insert(notebook, index, newCell(notebook, before()))}
        >
          <Icon name="plus" size={14} />
          Code
        </button>
        <button
          type="button"
          class="button small"
          tabIndex={always ? 0 : -1}
          onClick={() => insertProse(notebook, index)}
        >
          <Icon name="plus" size={14} />
          Text
        </button>
        <Menu
          label="Insert a cell of another language"
          title="Another language"
          class="icon-button small"
          button={<Icon name="down" size={14} />}
          entries={() =>
            cellLanguages.map(language => ({
              label: language,
              run: () => insert(notebook, index, { kind: 'cell', language }),
            }))
          }
        />
      </div>
    </div>
  )
}
