/** What an open notebook says of the session that its code runs in: fetched once there is something to say (SW12). */
import type { SessionInfo } from '@meshbook/core/messages.ts'
import { useEffect } from 'preact/hooks'
import { type OpenNotebook, useNotebook } from '../notebook/open-notebook.ts'
import { loadMoves, moves } from './moves-when-needed.ts'

/** The session of the notebook, if there is something to say of it beyond where it is. */
function useSession(): { notebook: OpenNotebook; session: SessionInfo } | undefined {
  const notebook = useNotebook()
  const session = notebook.sessionOf(notebook.language.value)
  const says = session && (session.saved || session.restored || session.moving)
  useEffect(() => {
    if (says) loadMoves()
  }, [says !== undefined])
  return says && session ? { notebook, session } : undefined
}

/** The copy is this browser's; others stay in the shared session (SW10). */
const forkedIn = (notebook: OpenNotebook) => (name: string) => {
  notebook.runner.session.value = name
}

export function NotebookSavedChip() {
  const found = useSession()
  const Chip = moves.part.value?.SavedChip
  return found && Chip ? <Chip session={found.session} onForked={forkedIn(found.notebook)} /> : null
}

export function NotebookSessionNotice() {
  const found = useSession()
  const Notice = moves.part.value?.SessionNotice
  return found && Notice ? (
    <Notice key={found.session.id} session={found.session} onForked={forkedIn(found.notebook)} />
  ) : null
}

/** Where there is no room for the chip, behind the label of where it runs. */
export function NotebookSavedState({ close }: { close: () => void }) {
  const found = useSession()
  const State = moves.part.value?.SavedState
  return found && State ? (
    <div class="saved-narrow">
      <State session={found.session} close={close} onForked={forkedIn(found.notebook)} />
    </div>
  ) : null
}
