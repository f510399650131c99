/** Rendered Markdown. The renderer is a chunk of its own, loaded while the document is on its way. */
import { signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { memo } from '../shell/memo.ts'
import { scrolledByKeys } from './scrolled-by-keys.ts'
import { writtenPieces } from './written-pieces.ts'

type Renderer = typeof import('./markdown.ts')
export const renderer = signal<Renderer | undefined>(undefined)

export async function loadRenderer(): Promise<void> {
  renderer.value ??= await import('./markdown.ts')
}

export const MarkdownView = memo(function MarkdownView({ source }: { source: string }) {
  const loaded = renderer.value
  const prose = useRef<HTMLDivElement>(null)
  const html = loaded?.markdownToHtml(source)
  useEffect(() => (prose.current ? scrolledByKeys(prose.current) : undefined), [html])
  if (!loaded) return <div class="prose plain">{source}</div>
  if (html === undefined) return <AsWritten source={source} />
  // DOMPurify made this HTML (S9).
  return <div class="prose" ref={prose} dangerouslySetInnerHTML={{ __html: html }} />
})

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
