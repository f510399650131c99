/** Rendered Markdown. */
import { memo } from '../shell/memo.ts'
import { markdownToHtml } from './markdown.ts'

export const MarkdownView = memo(function MarkdownView({ source }: { source: string }) {
  // biome-ignore lint/security/noDangerouslySetInnerHtml: DOMPurify made it (S9)
  return <div class="prose" dangerouslySetInnerHTML={{ __html: markdownToHtml(source) }} />
})
