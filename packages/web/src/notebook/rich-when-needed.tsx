/** Rich values are drawn by a chunk of its own. A notebook that has some opens with it; else it comes when nothing else is to be done. */
import type { MimePart } from '@meshbook/core/run.ts'
import { useEffect } from 'preact/hooks'
import { neededPart } from '../shell/needed-part.ts'

export const richDrawing = neededPart(() => import('./rich-output.tsx'))

export function RichWhenNeeded({ parts }: { parts: readonly MimePart[] }) {
  const { part, failed, load } = richDrawing
  const again = () => void load().catch(() => undefined)
  useEffect(again, [])
  if (part.value) return <part.value.RichOutput parts={parts} />
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
