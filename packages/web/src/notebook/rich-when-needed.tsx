/** Rich values are drawn by a chunk of its own. A notebook that has some opens with it; else it comes when nothing else is to be done. */
import type { MimePart } from '@meshbook/core/run.ts'
import type { VNode } from 'preact'
import { useEffect } from 'preact/hooks'
import { neededPart } from '../shell/needed-part.ts'

export const richDrawing = neededPart(() => import('./rich-output.tsx'))

type Drawing = typeof import('./rich-output.tsx')

export const RichWhenNeeded = ({ parts }: { parts: readonly MimePart[] }) => (
  <WhenDrawn>{({ RichOutput }) => <RichOutput parts={parts} />}</WhenDrawn>
)

/** What is drawn of an output that is more than text, or why it is not yet. */
export function WhenDrawn({ children }: { children: (drawing: Drawing) => VNode }) {
  const { part, failed, load } = richDrawing
  const again = () => void load().catch(() => undefined)
  useEffect(again, [])
  if (part.value) return children(part.value)
  if (!failed.value) return <p class="output-loading">Loading…</p>
  return (
    <p class="notice warn">
      What draws this output could not be loaded.
      <button type="button" class="pill" onClick={again}>
        Try again
      </button>
    </p>
  )
}
