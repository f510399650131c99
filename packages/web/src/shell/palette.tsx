/** The command palette: documents and actions by name. */
import { computed, signal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { type Command, commands, keyCaps, paletteOpen, paletteText as typed } from '../state/commands.ts'
import { navigate, notebookUrl } from '../state/location.ts'
import { documents, files, projects } from '../state/mesh.ts'
import { titleOf } from './file-tree.ts'
import { score } from './fuzzy.ts'
import { Icon } from './icons.tsx'

const chosen = signal(0)
const mostShown = 40

const documentCommands = computed<Command[]>(() =>
  (projects.value ?? []).flatMap(project =>
    [...(documents.value.get(project.id) ?? []), ...(files.value.get(project.id) ?? [])]
      .filter(document => !document.path.startsWith('.meshbook/'))
      .map(document => ({
        id: document.id,
        title: titleOf(document.path),
        group: `${project.name}/${document.path}`,
        icon: 'file' as const,
        run: () => navigate(notebookUrl(project.name, document.path)),
      })),
  ),
)

const found = computed<Command[]>(() => {
  const all = [...documentCommands.value, ...commands.value]
  if (typed.value.trim() === '') return all.slice(0, mostShown)
  return all
    .map(command => ({
      command,
      rank: Math.max(score(typed.value, command.title), score(typed.value, command.group) - 20),
    }))
    .filter(({ rank }) => rank > 0)
    .sort((a, b) => b.rank - a.rank)
    .slice(0, mostShown)
    .map(({ command }) => command)
})

export function OpenPalette() {
  const dialog = useRef<HTMLDialogElement>(null)
  // Before the next key: what is typed right after the shortcut belongs to the palette.
  useLayoutEffect(() => {
    chosen.value = 0
    dialog.current?.showModal()
  }, [])
  const run = (command: Command | undefined) => {
    dialog.current?.close()
    command?.run()
  }
  const keys = (event: KeyboardEvent) => {
    const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (by !== 0) move(by)
    else if (event.key === 'Enter') run(found.value[chosen.value])
    else return
    event.preventDefault()
  }
  return (
    <dialog
      ref={dialog}
      class="dialog palette"
      aria-label="Command palette"
      onClose={() => {
        paletteOpen.value = false
        typed.value = ''
      }}
      onPointerDown={event => event.target === dialog.current && dialog.current?.close()}
    >
      <div class="palette-input">
        <Icon name="search" />
        <input
          role="combobox"
          aria-label="Search documents and actions"
          aria-expanded="true"
          aria-controls="palette-list"
          aria-activedescendant={found.value.length > 0 ? `palette-${chosen.value}` : undefined}
          placeholder="Search documents and actions"
          value={typed.value}
          spellcheck={false}
          onInput={event => {
            typed.value = event.currentTarget.value
            chosen.value = 0
          }}
          onKeyDown={keys}
          autofocus
        />
      </div>
      <div id="palette-list" role="listbox" aria-label="Results" class="palette-list">
        {found.value.map((command, at) => (
          <div
            key={command.id}
            id={`palette-${at}`}
            role="option"
            tabIndex={-1}
            aria-selected={at === chosen.value}
            class="palette-row"
            onPointerUp={() => run(command)}
            onPointerMove={() => {
              chosen.value = at
            }}
          >
            <Icon name={command.icon ?? 'bolt'} />
            <span class="ellipsis">{command.title}</span>
            <span class="faint ellipsis grow">{command.group}</span>
            {command.keys && (
              <span class="caps">
                {keyCaps(command.keys).map(key => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </span>
            )}
          </div>
        ))}
      </div>
      {found.value.length === 0 && <p class="palette-none">Nothing is called “{typed.value}”.</p>}
    </dialog>
  )
}

function move(by: number): void {
  const count = found.value.length
  if (count === 0) return
  chosen.value = (chosen.value + by + count) % count
  document.getElementById(`palette-${chosen.value}`)?.scrollIntoView({ block: 'nearest' })
}
