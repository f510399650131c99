/** What is said and done about saved sessions, for what shows it: fetched once a session has something to say (SW12). */
import { fromPart, sayNotLoaded } from '../shell/from-part.tsx'
import { neededPart } from '../shell/needed-part.ts'

type Parts = typeof import('./parts.ts')
export const moves = neededPart<Parts>(() => import('./parts.ts'))

/** Nobody pressed for it: what could not be had is asked for again with the next change. */
export const loadMoves = (): void => void moves.load().catch(() => undefined)

/** Somebody pressed for it. */
export const withMoves = (run: (to: Parts) => unknown): void => void moves.load().then(run, sayNotLoaded)

export const MovesDialog = fromPart(moves, part => part.MovesDialog)
