/** The parts of the frame that come later, for what asks for them. */
import { paletteOpen, shortcutsOpen } from '../state/commands.ts'
import { dropQuestion } from './ask.ts'
import { sayNotLoaded } from './from-part.tsx'
import { neededPart } from './needed-part.ts'

type Later = typeof import('./later.ts')
export const later = neededPart<Later>(() => import('./later.ts'))

/** At once when it is there; else as soon as it has come, or it is told that it cannot. */
export function withLater(run: (part: Later) => unknown): void {
  const known = later.part.peek()
  if (known) return void run(known)
  later.load().then(run, () => {
    paletteOpen.value = false
    shortcutsOpen.value = false
    dropQuestion()
    sayNotLoaded()
  })
}
