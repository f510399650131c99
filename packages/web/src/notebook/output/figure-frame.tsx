/** A Plotly or Vega figure: data from a stranger, drawn by its library inside a frame that reaches nothing (OU7). */
import { useCallback, useMemo, useState } from 'preact/hooks'
import { type FigureKind, libraryOf } from './figure-library.ts'
import { figurePage } from './figure-page.ts'
import { type FrameMessage, OutputFrame } from './output-frame.tsx'
import { pageNonce, useDark } from './page-facts.ts'

const guess = 380

interface Props {
  kind: FigureKind
  mimeType: string
  figure: string
}

export function FigureFrame({ kind, mimeType, figure }: Props) {
  const dark = useDark()
  const [state, setState] = useState<'drawing' | 'drawn' | { failed: string }>('drawing')
  const page = useMemo(() => figurePage({ dark, nonce: pageNonce() }), [dark])
  const heard = useCallback(
    (message: FrameMessage, answer: (message: object) => void) => {
      if (message.meshbookDrawn === true) setState('drawn')
      if (typeof message.meshbookFailed === 'string') setState({ failed: message.meshbookFailed.slice(0, 300) })
      if (message.meshbookReady !== true) return
      const mode = mimeType.includes('vegalite') ? 'vega-lite' : 'vega'
      const send = (library: string) =>
        answer({ library, kind, figure, dark, mode, text: dark ? '#e7e8eb' : '#1a1c22' })
      libraryOf(kind).then(send, thrown => setState({ failed: String((thrown as Error).message) }))
    },
    [kind, mimeType, figure, dark],
  )
  return (
    <div class="figure" data-state={typeof state === 'string' ? state : 'failed'}>
      <OutputFrame key={figure} page={page} guess={guess} title="Figure" heard={heard} />
      {typeof state === 'object' && (
        <p class="notice warn" role="status">
          This figure could not be drawn: {state.failed}
        </p>
      )}
    </div>
  )
}
