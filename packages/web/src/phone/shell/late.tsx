/** A page that is a chunk of its own, with what is shown while it comes and when it cannot be had. */
import type { FunctionComponent } from 'preact'
import { useEffect } from 'preact/hooks'
import { neededPart } from '../../shell/needed-part.ts'

export function late<Props extends object>(load: () => Promise<FunctionComponent<Props>>): FunctionComponent<Props> {
  const needed = neededPart(load)
  const again = () => void needed.load().catch(() => undefined)
  return props => {
    useEffect(again, [])
    const Page = needed.part.value
    if (Page) return <Page {...props} />
    return needed.failed.value ? (
      <main class="page">
        <div class="empty" role="alert">
          <h2>This page could not be loaded</h2>
          <p>The hub cannot be reached, or Meshbook was updated.</p>
          <button type="button" class="button" onClick={again}>
            Try again
          </button>
        </div>
      </main>
    ) : (
      <main class="page" aria-busy="true" />
    )
  }
}
