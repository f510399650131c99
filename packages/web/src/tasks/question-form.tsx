/** The agent asks something; the answer goes to it alone. */
import { exactText } from '@meshbook/core/exact-text.ts'
import type { QuestionItem } from '@meshbook/core/task-transcript.ts'
import { useState } from 'preact/hooks'
import { asApiError } from '../api/api-error.ts'
import { api } from '../api/client.ts'

export function QuestionForm({ item, task, ended }: { item: QuestionItem; task: string; ended: boolean }) {
  const [text, setText] = useState('')
  const [state, setState] = useState<'idle' | 'sending' | 'sent'>('idle')
  const [problem, setProblem] = useState('')
  const answer = (event: Event) => {
    event.preventDefault()
    setState('sending')
    setProblem('')
    api.answerInput(task, item.id, text).then(
      () => setState('sent'),
      thrown => {
        setState('idle')
        const { message, hint } = asApiError(thrown)
        setProblem(`${message}. ${hint}`)
      },
    )
  }
  return (
    <form class="task-question" onSubmit={answer}>
      <p class="task-text">{exactText(item.prompt)}</p>
      {item.answered || ended ? (
        <p class="faint">{item.answered ? 'Answered.' : 'Nobody answered.'}</p>
      ) : (
        <div class="task-say">
          <input
            class="field"
            aria-label="Your answer"
            value={text}
            onInput={event => setText(event.currentTarget.value)}
          />
          <button type="submit" class="button primary" disabled={text === '' || state !== 'idle'}>
            {state === 'sent' ? 'Sent' : 'Answer'}
          </button>
        </div>
      )}
      {problem !== '' && (
        <p class="notice bad note" role="alert">
          {problem}
        </p>
      )}
    </form>
  )
}
