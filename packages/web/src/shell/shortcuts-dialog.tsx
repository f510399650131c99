/** The list of keyboard shortcuts, made from the commands that have one. */
import { useLayoutEffect, useRef } from 'preact/hooks'
import { commands, keyCaps, shortcutsOpen } from '../state/commands.ts'
import { Icon } from './icons.tsx'

const general = [
  { title: 'Command palette and search', keys: 'Mod K', group: 'Everywhere' },
  { title: 'This list', keys: '?', group: 'Everywhere' },
]

export function OpenShortcuts() {
  const dialog = useRef<HTMLDialogElement>(null)
  useLayoutEffect(() => dialog.current?.showModal(), [])
  const listed = [...commands.value.filter(command => command.keys), ...general]
  const groups = [...new Set(listed.map(command => command.group))]
  return (
    <dialog
      ref={dialog}
      class="dialog wide"
      aria-labelledby="shortcuts-title"
      onClose={() => {
        shortcutsOpen.value = false
      }}
    >
      <div class="dialog-body">
        <div class="row">
          <h2 id="shortcuts-title" class="grow">
            Keyboard shortcuts
          </h2>
          {/* At the top, since a dialog is scrolled to what takes the focus in it. */}
          <button type="button" class="icon-button" aria-label="Close" onClick={() => dialog.current?.close()}>
            <Icon name="close" />
          </button>
        </div>
        <div class="shortcut-groups">
          {groups.map(group => (
            <section key={group}>
              <h3>{group}</h3>
              <dl>
                {listed
                  .filter(command => command.group === group)
                  .map(command => (
                    <div key={command.title}>
                      <dt>{command.title}</dt>
                      <dd>
                        {keyCaps(command.keys!).map(key => (
                          <kbd key={key}>{key}</kbd>
                        ))}
                      </dd>
                    </div>
                  ))}
              </dl>
            </section>
          ))}
        </div>
      </div>
    </dialog>
  )
}
