/** Says something to the agent: it stands as not heard yet, and in the transcript once it was (TP11). */
import type { Transcript } from '@meshbook/core/task-transcript.ts'
import { useEffect, useState } from 'preact/hooks'
import { asApiError } from '../api/api-error.ts'
import { notHeard, type Unheard, withMessage } from './messages.ts'
import { tasksApi } from './tasks-api.ts'

export function useMessages(task: string, transcript: Transcript) {
  const [messages, setMessages] = useState<readonly Unheard[]>([])
  useEffect(() => {
    // Those of other devices, and of before this page; without an answer it shows what it has itself.
    tasksApi.messages(task).then(
      found =>
        setMessages(before => {
          const open = found.filter(({ heardAt }) => heardAt === null)
          return open.reduce<readonly Unheard[]>(
            (all, { id, text }) => withMessage(all, { id, text, state: 'sent', problem: '' }),
            before,
          )
        }),
      () => undefined,
    )
  }, [task])
  const send = async ({ id, text }: Pick<Unheard, 'id' | 'text'>) => {
    const put = (state: Unheard['state'], problem = '') =>
      setMessages(before => withMessage(before, { id, text, state, problem }))
    put('sending')
    try {
      await tasksApi.say(task, { id, text })
      put('sent')
    } catch (thrown) {
      const { message, hint } = asApiError(thrown)
      put('failed', `${message}. ${hint}`)
    }
  }
  return {
    unheard: notHeard(messages, transcript),
    say: (text: string) => send({ id: crypto.randomUUID(), text }),
    again: send,
    drop: (id: string) => setMessages(before => before.filter(message => message.id !== id)),
  }
}

type Messages = ReturnType<typeof useMessages>

export function UnheardMessages({ messages: { unheard, again, drop } }: { messages: Messages }) {
  return (
    <div role="status" class="task-items">
      {unheard.map(message => (
        <div key={message.id} class="task-message" data-state={message.state}>
          <p class="faint">
            {message.state === 'sent' && 'Not heard yet: it is told at the next turn.'}
            {message.state === 'sending' && 'Sending…'}
            {message.state === 'failed' && `Not sent. ${message.problem}`}
          </p>
          <p class="task-text">{message.text}</p>
          {message.state === 'failed' && (
            <div class="task-buttons">
              <button type="button" class="button" onClick={() => drop(message.id)}>
                Drop it
              </button>
              <button type="button" class="button primary" onClick={() => void again(message)}>
                Send it again
              </button>
            </div>
          )}
        </div>
      ))}
    </div>
  )
}

export function SayBox({ messages }: { messages: Messages }) {
  const [text, setText] = useState('')
  const send = () => {
    if (text.trim() === '') return
    void messages.say(text.trim())
    setText('')
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.isComposing || !(event.ctrlKey || event.metaKey)) return
    event.preventDefault()
    send()
  }
  return (
    <form
      class="task-say"
      onSubmit={event => {
        event.preventDefault()
        send()
      }}
    >
      <textarea
        class="field"
        rows={1}
        aria-label="Tell the agent something"
        placeholder="Tell the agent something"
        value={text}
        onInput={event => setText(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <button type="submit" class="button primary" disabled={text.trim() === ''}>
        Send
      </button>
    </form>
  )
}
