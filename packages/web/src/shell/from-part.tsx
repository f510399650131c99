/** A component of a chunk that others load too, and what is said when a chunk cannot be had. */
import type { FunctionComponent } from 'preact'
import { useEffect } from 'preact/hooks'
import { notify } from '../state/toasts.ts'
import type { NeededPart } from './needed-part.ts'

export function sayNotLoaded(): void {
  const detail = 'The hub cannot be reached, or Meshbook was updated. Nothing is lost: reload when the hub is back.'
  notify('This could not be opened', detail, 'bad', { label: 'Reload', run: () => location.reload() })
}

type Drawn<Props> = FunctionComponent<Props>

/** A component of a part that others load too; drawn at once when that is here, else fetched, for it was asked for. */
export function fromPart<T, Props extends object>(
  { part, load }: NeededPart<T>,
  pick: (part: T) => Drawn<Props>,
): Drawn<Props> {
  return props => {
    const Found = part.value && pick(part.value)
    useEffect(() => {
      if (!Found) sayOnce(load())
    }, [])
    return Found ? <Found {...props} /> : null
  }
}

/** The same for what nobody pressed for, of which a page may have many: whoever opens the page sees to the part. */
export function whenThere<T, Props extends object>(
  { part }: NeededPart<T>,
  pick: (part: T) => Drawn<Props>,
): Drawn<Props> {
  return props => {
    const Found = part.value && pick(part.value)
    return Found ? <Found {...props} /> : null
  }
}

const told = new WeakSet<Promise<unknown>>()
/** Several that wait for one part fail together. */
function sayOnce(coming: Promise<unknown>): void {
  coming.catch(() => {
    if (!told.has(coming)) sayNotLoaded()
    told.add(coming)
  })
}
