/** Saved sessions and moves on the notebook's page, in one chunk. */
import './moves.css'

export { SavedChip } from './saved-chip.tsx'
export { SavedState } from './saved-state.tsx'
export { SessionNotice } from './session-notice.tsx'
export { WaitingFor } from './waiting-for.tsx'
