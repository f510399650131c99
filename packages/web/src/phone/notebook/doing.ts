/** What is done in a notebook, beside reading it: there once its document is open. */
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { PhoneNotebook } from './phone-notebook.ts'

export const DoingContext = createContext<PhoneNotebook | undefined>(undefined)
export const useDoing = (): PhoneNotebook | undefined => useContext(DoingContext)
