/** The notebook that is shown, for what stands outside of it: the account menu. */
import { type Signal, signal } from '@preact/signals'
import type { OpenNotebook } from '../notebook/open-notebook.ts'

export const shownNotebook: Signal<OpenNotebook | undefined> = signal(undefined)
