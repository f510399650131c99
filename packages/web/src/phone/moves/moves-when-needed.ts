/** Saved sessions and moves on the phone: fetched once a session has something to say (SW12, PH1). */
import { neededPart } from '../../shell/needed-part.ts'

export const moves = neededPart(() => import('./moves-parts.tsx'))
export const loadMoves = (): void => void moves.load().catch(() => undefined)
