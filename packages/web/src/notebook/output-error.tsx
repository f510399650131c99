/** An error: what happened first, then where in this notebook, and what to do if Meshbook itself ended the run. */
import { type ErrorCode, isErrorCode } from '@meshbook/core/errors.ts'
import type { RunError } from '@meshbook/core/run.ts'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { loadErrorTexts, wordsOf } from '../api/error-texts.ts'
import { Hint } from '../shell/hint.tsx'
import { Icon } from '../shell/icons.tsx'
import { framesIn, partsOfTraceback } from './output/traceback.ts'
import { TracebackView } from './output/traceback-view.tsx'
import { OutputText } from './output-text.tsx'

export function OutputError({ error }: { error: RunError }) {
  const lines = Array.isArray(error.traceback) ? error.traceback.filter(line => typeof line === 'string') : []
  const parts = useMemo(() => partsOfTraceback(lines), [error])
  const hasFrames = framesIn(parts) > 0
  // Where the error is in a cell, that is shown at once; what only libraries say is asked for.
  const [open, setOpen] = useState(parts.some(part => part.kind === 'cell'))
  const last = `${error.name}: ${error.message}`
  return (
    <div class="output-error">
      <div class="error-line">
        <Icon name="warning" />
        <span class="grow">
          <strong>{error.name}</strong>
          {error.message && <span>: {error.message}</span>}
        </span>
        {lines.length > 0 && (
          <button type="button" class="pill" aria-expanded={open} onClick={() => setOpen(!open)}>
            <Icon name="chevron" size={12} class={open ? 'turned' : ''} />
            Traceback
          </button>
        )}
      </div>
      {isErrorCode(error.code) && (
        <p class="error-hint">
          <ErrorHint code={error.code} />
        </p>
      )}
      {open &&
        (hasFrames ? (
          <TracebackView lines={lines} last={last} />
        ) : (
          <OutputText text={lines.join('\n')} tone="traceback" />
        ))}
    </div>
  )
}

function ErrorHint({ code }: { code: ErrorCode }) {
  useEffect(loadErrorTexts, [])
  return <Hint text={wordsOf(code).hint} />
}
