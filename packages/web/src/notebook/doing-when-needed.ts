/** What is done in a notebook, for what draws it: fetched with the document, so that what is read does not wait for it. */
import { neededPart } from '../shell/needed-part.ts'
import { notify } from '../state/toasts.ts'

type Doing = typeof import('./doing.ts')
export const doing = neededPart<Doing>(() => import('./doing.ts'))

/** Tells when it cannot be had; whatever is pressed next asks for it again. */
export async function loadDoing(): Promise<Doing | undefined> {
  try {
    return await doing.load()
  } catch {
    const detail = 'Reading works. Once the hub can be reached, this works too: try again then.'
    notify('Part of Meshbook could not be loaded', detail, 'bad', { label: 'Try again', run: () => void loadDoing() })
    return undefined
  }
}

/** At once when it is there, as it mostly is; else as soon as it has come. */
export function act(run: (to: Doing) => unknown): void {
  const known = doing.part.peek()
  if (known) run(known)
  else void loadDoing().then(to => to && run(to))
}

/** What makes no sense a moment later is left out if it is not there yet. */
export function now(run: (to: Doing) => unknown): void {
  const known = doing.part.peek()
  if (known) run(known)
  else void loadDoing()
}
