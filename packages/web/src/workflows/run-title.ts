/** What the run that is looked at is called, once that is known. */
import { signal } from '@preact/signals'

export const titledRun = signal<{ id: string; name: string } | undefined>(undefined)
