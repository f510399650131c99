/** Which dialog about a session is open: its saved states, or what happens when its device is lost. */
import type { SessionInfo } from '@meshbook/core/messages.ts'
import { signal } from '@preact/signals'

export const movesDialog = signal<{ about: 'states' | 'policy'; session: string } | undefined>(undefined)

export const showStates = ({ id }: Pick<SessionInfo, 'id'>): void => {
  movesDialog.value = { about: 'states', session: id }
}
export const showPolicy = ({ id }: Pick<SessionInfo, 'id'>): void => {
  movesDialog.value = { about: 'policy', session: id }
}
