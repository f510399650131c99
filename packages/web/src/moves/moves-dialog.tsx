/** The dialog about a session that is open now. */
import { useLayoutEffect, useRef } from 'preact/hooks'
import { sessionName } from '../shell/device-words.ts'
import { sessions } from '../state/mesh.ts'
import { movesDialog } from './moves-dialog-open.ts'
import { PolicyForm } from './policy-form.tsx'
import { SavedStates } from './saved-states.tsx'

const close = () => {
  movesDialog.value = undefined
}

export function MovesDialog() {
  const open = movesDialog.value
  const session = sessions.value.find(({ id }) => id === open?.session)
  const dialog = useRef<HTMLDialogElement>(null)
  const isThere = open !== undefined && session !== undefined
  useLayoutEffect(() => {
    if (isThere && !dialog.current?.open) dialog.current?.showModal()
  }, [isThere])
  if (!isThere) return null
  const title = open.about === 'states' ? `Saved states of ${sessionName(session)}` : 'When its device is lost'
  return (
    <dialog
      ref={dialog}
      class={`dialog ${open.about === 'states' ? 'wide' : ''}`}
      aria-labelledby="moves-title"
      onClose={close}
    >
      <div class="dialog-body">
        <h2 id="moves-title">{title}</h2>
        {open.about === 'states' ? (
          <SavedStates session={session} close={close} />
        ) : (
          <PolicyForm session={session} close={close} />
        )}
      </div>
    </dialog>
  )
}
