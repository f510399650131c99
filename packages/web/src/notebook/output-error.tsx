/** An error: what happened first, where it happened on demand, and what to do if Meshbook itself ended the run. */
import { errors, isErrorCode } from '@meshbook/core/errors.ts'
import type { RunError } from '@meshbook/core/run.ts'
import { useState } from 'preact/hooks'
import { Hint } from '../shell/hint.tsx'
import { Icon } from '../shell/icons.tsx'
import { OutputText } from './output-text.tsx'

export function OutputError({ error }: { error: RunError }) {
  const [open, setOpen] = useState(false)
  const traceback = Array.isArray(error.traceback) ? error.traceback.join('\n') : ''
  return (
    <div class="output-error">
      <div class="error-line">
        <Icon name="warning" />
        <span class="grow">
          <strong>{error.name}</strong>
          {error.message && <span>: {error.message}</span>}
        </span>
        {traceback !== '' && (
          <button type="button" class="pill" aria-expanded={open} onClick={() => setOpen(!open)}>
            <Icon name="chevron" size={12} class={open ? 'turned' : ''} />
            Traceback
          </button>
        )}
      </div>
      {isErrorCode(error.code) && (
        <p class="error-hint">
          <Hint text={errors[error.code].hint} />
        </p>
      )}
      {open && <OutputText text={traceback} tone="traceback" />}
    </div>
  )
}
