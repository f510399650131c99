/** HTML or SVG of an output, in a frame of its own that can reach neither this page nor the network (S9). */
import { useEffect, useRef, useState } from 'preact/hooks'
import { isDark, theme } from '../state/theme.ts'
import { framePage, guessedHeight } from './frame-page.ts'

const mostHeight = 4_000

/** The nonce that the hub gave this page's scripts; without one, scripts of outputs do not run. */
function pageNonce(): string {
  const meta = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')
  return meta?.nonce ?? ''
}

export function SandboxFrame({ html }: { html: string }) {
  const frame = useRef<HTMLIFrameElement>(null)
  const [height, setHeight] = useState<number | undefined>(undefined)
  const dark = theme.value === 'system' ? isDark() : theme.value === 'dark'

  useEffect(() => {
    const receive = (event: MessageEvent<unknown>) => {
      // The origin of a sandboxed frame is always "null", so the window itself is what tells ours from others.
      if (event.source !== frame.current?.contentWindow) return
      const asked = (event.data as { meshbookHeight?: unknown } | null)?.meshbookHeight
      if (typeof asked === 'number' && Number.isFinite(asked))
        setHeight(Math.min(mostHeight, Math.max(24, Math.ceil(asked))))
    }
    addEventListener('message', receive)
    return () => removeEventListener('message', receive)
  }, [])

  return (
    <iframe
      ref={frame}
      class="output-frame"
      title="Output"
      sandbox="allow-scripts"
      loading="lazy"
      referrerpolicy="no-referrer"
      srcdoc={framePage(html, { dark, nonce: pageNonce() })}
      style={{ height: `${height ?? guessedHeight(html)}px` }}
      data-sized={height !== undefined}
    />
  )
}
