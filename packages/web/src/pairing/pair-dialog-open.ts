/** Whether the screen that pairs is open. */
import { signal } from '@preact/signals'

export const pairDialogOpen = signal(false)
