/** A running program asks: its prompt and a field for the answer. A password is masked and never stored. */
import type { StdinRequest } from '@meshbook/core/executions.ts'
import { useEffect, useRef, useState } from 'preact/hooks'
import { asApiError } from '../api/api-error.ts'
import { Hint } from '../shell/hint.tsx'
import { answerQuestion } from './answer-question.ts'
import { useNotebook } from './open-notebook.ts'

export function StdinPrompt({ run, request }: { run: string; request: StdinRequest }) {
  const input = useRef<HTMLInputElement>(null)
  const notebook = useNotebook()
  const [sent, setSent] = useState(false)
  const [problem, setProblem] = useState('')
  useEffect(() => {
    const selected = notebook.selected.peek()
    if (selected !== undefined && notebook.runOf(selected) === run) input.current?.focus()
  }, [])
  const answer = async (event: Event) => {
    event.preventDefault()
    const field = input.current
    if (!field || sent) return
    setSent(true)
    try {
      await answerQuestion(run, request.id, field.value)
      field.value = ''
      setProblem('')
    } catch (thrown) {
      const { message, hint } = asApiError(thrown)
      setProblem(`${message}. ${hint}`)
      setSent(false)
    }
  }
  return (
    <form class="stdin" onSubmit={event => void answer(event)} onKeyDown={event => event.stopPropagation()}>
      <label>
        <span class="stdin-prompt">{request.prompt || 'Input'}</span>
        <input
          ref={input}
          class="field mono"
          {...(request.password
            ? { type: 'password' as const, autocomplete: 'off' as const }
            : { type: 'text' as const, autocomplete: 'off' as const })}
          spellcheck={false}
          // Not disabled, which would take the focus: the keys after the answer would be the notebook's commands.
          readOnly={sent}
          placeholder={request.password ? 'Hidden, and never stored' : 'Type an answer'}
        />
      </label>
      <button type="submit" class="button primary" disabled={sent}>
        {sent ? 'Sent' : 'Send'}
      </button>
      {problem && (
        <p class="notice bad" role="alert">
          <Hint text={problem} />
        </p>
      )}
    </form>
  )
}
