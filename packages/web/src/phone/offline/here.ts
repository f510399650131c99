/** Which documents are on this phone: what the lists say of each (PH14). `start-offline.ts` keeps it true. */
import { signal } from '@preact/signals'

export const here = signal<ReadonlySet<string>>(new Set())
