/** A part of a page that is a chunk of its own, and what is said when it cannot be had. */
import type { FunctionComponent } from 'preact'
import { useEffect } from 'preact/hooks'
import { neededPart } from '../shell/needed-part.ts'

export function lazyPart<Props extends object>(
  load: () => Promise<FunctionComponent<Props>>,
): FunctionComponent<Props> {
  const needed = neededPart(load)
  const again = () => void needed.load().catch(() => undefined)
  return props => {
    useEffect(again, [])
    const Part = needed.part.value
    if (Part) return <Part {...props} />
    if (!needed.failed.value)
      return (
        <p class="visually-hidden" role="status">
          Loading…
        </p>
      )
    return (
      <div class="empty" role="alert">
        <h2>This page could not be loaded</h2>
        <p>The hub cannot be reached, or Meshbook was updated.</p>
        <button type="button" class="button" onClick={again}>
          Try again
        </button>
      </div>
    )
  }
}
