/** Rendered Markdown, of a notebook or of an output. */
import { useEffect, useRef } from 'preact/hooks'
import { memo } from '../shell/memo.ts'
import { drawProse } from './draw-prose.ts'
import { htmlReading, loadHtmlReading } from './raw-html.ts'
import { readProse } from './read-prose.ts'
import { scrolledByKeys } from './scrolled-by-keys.ts'
import { writtenPieces } from './written-pieces.ts'

export const MarkdownView = memo(function MarkdownView({ source }: { source: string }) {
  const prose = useRef<HTMLDivElement>(null)
  const tokens = readProse(source)
  useEffect(() => (prose.current ? scrolledByKeys(prose.current) : undefined), [source])
  if (!tokens) return <AsWritten source={source} />
  const { drawn, hasHtml } = drawProse(tokens)
  return (
    <>
      {hasHtml && <HtmlNotice />}
      <div class="prose" ref={prose}>
        {drawn}
      </div>
    </>
  )
})

function HtmlNotice() {
  if (!htmlReading.failed.value) return null
  return (
    <p class="notice warn">
      The HTML in this text is not shown: what checks it could not be loaded.
      <button type="button" class="pill" onClick={loadHtmlReading}>
        Try again
      </button>
    </p>
  )
}

function AsWritten({ source }: { source: string }) {
  return (
    <>
      <p class="notice warn">This text is too long or too deeply nested to be set; it is shown as it was written.</p>
      <div class="prose plain">
        {writtenPieces(source).map((piece, at) => (
          <div key={at} class="written-piece">
            {piece}
          </div>
        ))}
      </div>
    </>
  )
}
