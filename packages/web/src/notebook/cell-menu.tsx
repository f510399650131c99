/** What can be done with a cell, at its upper right: language, move, more. */
import { Icon } from '../shell/icons.tsx'
import { Menu } from '../shell/menu.tsx'
import { cellLanguages } from './cell-languages.ts'
import { act } from './doing-when-needed.ts'
import { insertEntries } from './insert-entries.ts'
import { useNotebook } from './open-notebook.ts'

export function CellMenu({ itemKey, language, selected }: { itemKey: string; language: string; selected: boolean }) {
  const notebook = useNotebook()
  return (
    <div class="item-tools">
      <Menu
        label={`Language: ${language}`}
        class="pill mono"
        button={language}
        entries={() =>
          cellLanguages.map(name => ({
            label: name,
            chosen: name === language,
            run: () => act(to => to.changeLanguage(notebook, itemKey, name)),
          }))
        }
      />
      <button
        type="button"
        class="icon-button small"
        aria-label="Move up"
        title="Move up"
        onClick={() => act(to => to.move(notebook, itemKey, -1))}
      >
        <Icon name="up" />
      </button>
      <button
        type="button"
        class="icon-button small"
        aria-label="Move down"
        title="Move down"
        onClick={() => act(to => to.move(notebook, itemKey, 1))}
      >
        <Icon name="downArrow" />
      </button>
      <Menu
        label="More actions"
        class="icon-button small"
        button={<Icon name="more" />}
        entries={() => [
          { label: 'Run cells above', icon: 'up', run: () => act(to => to.runAbove(notebook, itemKey)) },
          { label: 'Run this and below', icon: 'downArrow', run: () => act(to => to.runBelow(notebook, itemKey)) },
          ...(selected && notebook.chosen.value.size > 1
            ? [
                {
                  label: 'Run the selected cells',
                  icon: 'play' as const,
                  run: () => act(to => to.runSelected(notebook)),
                },
              ]
            : []),
          'line',
          { label: 'Options…', icon: 'gear', hint: 'P', run: () => notebook.askOptions(itemKey) },
          { label: 'Show or hide output', icon: 'eye', hint: 'O', run: () => notebook.toggleOutput(itemKey) },
          'line',
          ...insertEntries(notebook, itemKey),
          { label: 'Turn into text', icon: 'text', hint: 'M', run: () => act(to => to.convertItem(notebook, itemKey)) },
          'line',
          {
            label: 'Delete',
            icon: 'trash',
            hint: `D D`,
            danger: true,
            run: () => act(to => to.remove(notebook, itemKey)),
          },
        ]}
      />
    </div>
  )
}
