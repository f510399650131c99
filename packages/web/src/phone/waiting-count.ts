/** How many things wait for the user; undefined until the hub has said so. What counts them is loaded after the list. */
import { signal } from '@preact/signals'

export const waitingCount = signal<number | undefined>(undefined)
