/** What the hub refused, where it was asked. */
import { asApiError } from '../api/api-error.ts'
import { Hint } from '../shell/hint.tsx'

export function problemWords(thrown: unknown): string {
  const { message, detail, hint } = asApiError(thrown)
  return [detail || message, hint].filter(Boolean).join('\n')
}

export function Problem({ text }: { text: string }) {
  if (text === '') return null
  return (
    <p class="notice bad flow-problem" role="alert">
      <Hint text={text} />
    </p>
  )
}
