/** The front matter: one quiet line, opened on demand. */
import { Icon } from '../shell/icons.tsx'
import { useNotebook } from './open-notebook.ts'

export function FrontMatterView({ source }: { source: string }) {
  const notebook = useNotebook()
  const { problem } = notebook.store.page.notebook.frontMatter ?? {}
  return (
    <details class="front-matter">
      <summary>
        <Icon name="braces" size={14} />
        Front matter
        {problem && <span class="pill bad">{problem}</span>}
      </summary>
      <pre>{source.trim()}</pre>
      <button type="button" class="button small" onClick={() => notebook.askSettings()}>
        Settings…
      </button>
    </details>
  )
}
