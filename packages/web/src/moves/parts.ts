/** Saved sessions and moves: all of it is one chunk. */
import './moves.css'

export { forkSession, moveSession, saveSession } from './move-actions.ts'
export { MovesDialog } from './moves-dialog.tsx'
export { MovingBar, movingOf } from './moving-bar.tsx'
export { SavedChip } from './saved-chip.tsx'
export { SavedLine } from './saved-line.tsx'
export { SavedState } from './saved-state.tsx'
export { SessionNotice } from './session-notice.tsx'
export { WaitingFor } from './waiting-for.tsx'
