/** HTML of an output, in a frame of its own that can reach neither this page nor the network (S9). */
import { useMemo } from 'preact/hooks'
import { frameOf, guessedHeight, htmlForFrame } from './frame-page.ts'
import { OutputFrame } from './output/output-frame.tsx'
import { pageNonce, parseHtml, useDark } from './output/page-facts.ts'

export function SandboxFrame({ html }: { html: string }) {
  const dark = useDark()
  const page = useMemo(() => {
    const nonce = pageNonce()
    return frameOf(htmlForFrame(html, nonce, parseHtml), { dark, nonce })
  }, [html, dark])
  return <OutputFrame page={page} guess={guessedHeight(html)} title="Output" />
}
