/** What drawing a notebook needs of it, whether its document is open or only its text is here yet (PH4). */
import type { ExecutionEntry } from '@meshbook/core/executions.ts'
import type { ReadonlySignal } from '@preact/signals'
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { ItemStore } from './item-store.ts'

/** Puts the cursor into an item's editor. */
export type Place = 'start' | 'end' | number

export interface NotebookReading {
  readonly store: ItemStore
  /** Runs whose long output is shown whole, also after it was scrolled away. */
  readonly wholeOutputs: ReadonlySignal<ReadonlySet<string>>
  setWhole(run: string, on: boolean): void
  entryOf(run: string): ReadonlySignal<ExecutionEntry | undefined>
  /** The newest run of a cell. */
  runOf(key: string): string | undefined
  /** Begins to edit an item. */
  edit(key: string, at?: Place): void
}

export const ReadingContext = createContext<NotebookReading | undefined>(undefined)

/** For what is drawn in any page of a notebook. */
export function useReading(): NotebookReading {
  const reading = useContext(ReadingContext)
  if (!reading) throw new Error('a notebook component stands outside of a notebook')
  return reading
}

/** For what is drawn of a run by itself, too: undefined there. */
export const useReadingAround = (): NotebookReading | undefined => useContext(ReadingContext)
