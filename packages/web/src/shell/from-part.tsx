/** A component of a chunk that others load too, and what is said when a chunk cannot be had. */
import type { FunctionComponent } from 'preact'
import { useEffect } from 'preact/hooks'
import { notify } from '../state/toasts.ts'
import type { NeededPart } from './needed-part.ts'

export function sayNotLoaded(): void {
  const detail = 'The hub cannot be reached, or Meshbook was updated. Nothing is lost: reload when the hub is back.'
  notify('This could not be opened', detail, 'bad', { label: 'Reload', run: () => location.reload() })
}

/** A component of a part that others load too; drawn at once when that is here. */
export function fromPart<T, Props extends object>(
  { part, load }: NeededPart<T>,
  pick: (part: T) => FunctionComponent<Props>,
): FunctionComponent<Props> {
  return props => {
    const Drawn = part.value && pick(part.value)
    useEffect(() => {
      if (!Drawn) load().catch(sayNotLoaded)
    }, [])
    return Drawn ? <Drawn {...props} /> : null
  }
}
