/** The thin place between two items where something new can be put. */
import { Icon } from '../shell/icons.tsx'
import { Menu } from '../shell/menu.tsx'
import { cellLanguages } from './cell-languages.ts'
import { act } from './doing-when-needed.ts'
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
          onClick={() => act(to => to.insert(notebook, index, to.newCell(notebook, before())))}
        >
          <Icon name="plus" size={14} />
          Code
        </button>
        <button
          type="button"
          class="button small"
          tabIndex={always ? 0 : -1}
          onClick={() => act(to => to.insertProse(notebook, index))}
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
              run: () => act(to => to.insert(notebook, index, { kind: 'cell', language })),
            }))
          }
        />
      </div>
    </div>
  )
}
