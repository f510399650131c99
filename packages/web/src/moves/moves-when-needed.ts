/** What is said and done about saved sessions, for what shows it: fetched once a session has something to say (SW12). */
import { neededPart } from '../shell/needed-part.ts'

type Parts = typeof import('./parts.ts')
export const moves = neededPart<Parts>(() => import('./parts.ts'))

/** What it would say is no reason to say that it could not be loaded; asked again with the next change. */
export const loadMoves = (): void => void moves.load().catch(() => undefined)
