/** A running program asks: its prompt and a field for the answer. A password is masked and never stored (PH20). */
import type { StdinRequest } from '@meshbook/core/executions.ts'
import { useRef, useState } from 'preact/hooks'
import { asApiError } from '../../api/api-error.ts'
import { answerQuestion } from '../../notebook/answer-question.ts'

export function Question({ run, request }: { run: string; request: StdinRequest }) {
  const field = useRef<HTMLInputElement>(null)
  const [state, setState] = useState<'asked' | 'sent' | { problem: string }>('asked')
  const answer = async (event: Event) => {
    event.preventDefault()
    if (!field.current || state === 'sent') return
    setState('sent')
    try {
      await answerQuestion(run, request.id, field.current.value)
      field.current.value = ''
    } catch (thrown) {
      const { message, hint } = asApiError(thrown)
      setState({ problem: `${message} ${hint}` })
    }
  }
  return (
    <form class="question" onSubmit={event => void answer(event)}>
      <label>
        <span class="prompt">{request.prompt || 'Input'}</span>
        <input
          ref={field}
          class="field"
          {...(request.password
            ? { type: 'password' as const, autocomplete: 'off' as const }
            : { type: 'text' as const, autocomplete: 'off' as const })}
          autocapitalize="off"
          enterkeyhint="send"
          // Not disabled, which would take the focus, and with it the keyboard.
          readOnly={state === 'sent'}
          placeholder={request.password ? 'Hidden, and never stored' : ''}
        />
      </label>
      <button type="submit" class="button primary" disabled={state === 'sent'}>
        {state === 'sent' ? 'Sent' : 'Send'}
      </button>
      {typeof state === 'object' && (
        <p class="words bad" role="alert">
          {state.problem}
        </p>
      )}
    </form>
  )
}
