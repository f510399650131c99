/** Rendered Markdown. The renderer is a chunk of its own, loaded while the document is on its way. */
import { signal } from '@preact/signals'
import { memo } from '../shell/memo.ts'

type Renderer = typeof import('./markdown.ts')
export const renderer = signal<Renderer | undefined>(undefined)

export async function loadRenderer(): Promise<void> {
  renderer.value ??= await import('./markdown.ts')
}

export const MarkdownView = memo(function MarkdownView({ source }: { source: string }) {
  const loaded = renderer.value
  if (!loaded) return <div class="prose plain">{source}</div>
  // DOMPurify made this HTML (S9).
  return <div class="prose" dangerouslySetInnerHTML={{ __html: loaded.markdownToHtml(source) }} />
})
