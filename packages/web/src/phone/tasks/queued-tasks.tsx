/** Tasks that wait on this phone: why, and what can be done about each (PH90–PH92). */
import { repoName, taskTitle } from '@meshbook/core/task-words.ts'
import { useEffect } from 'preact/hooks'
import { hub } from '../first-list.ts'
import { say } from '../say.ts'
import { answerQueuedTask, startTaskOutbox } from './browser-task-outbox.ts'
import { queuedTasks } from './queue.ts'
import type { QueuedTask as Queued } from './queued-task.ts'

const useOutbox = () =>
  useEffect(() => {
    startTaskOutbox().catch(thrown => say(thrown, 'What is queued here could not be read'))
  }, [])

export function useQueuedTask(id: string): Queued | undefined {
  useOutbox()
  return queuedTasks.value.find(queued => queued.id === id)
}

export function QueuedTasks() {
  useOutbox()
  const list = queuedTasks.value
  if (list.length === 0) return null
  return (
    <section aria-label="Queued on this phone">
      <h2 class="task-section">Queued on this phone</h2>
      <ul class="task-list">
        {list.map(queued => (
          <li key={queued.id} class="task-queued">
            <span class="task-row-title">{taskTitle(queued.task.prompt)}</span>
            <QueuedTask queued={queued} />
          </li>
        ))}
      </ul>
    </section>
  )
}

export function QueuedTask({ queued }: { queued: Queued }) {
  const answer = (what: 'want' | 'drop') => () =>
    void answerQueuedTask(queued.id, what).catch(thrown => say(thrown, 'That could not be stored'))
  const { is } = queued.state
  return (
    <div class="task-items">
      <p class="faint" role="status">
        {repoName(queued.task.repo)} · {wordsOf(queued)}
      </p>
      <div class="task-buttons">
        <button type="button" class="button" onClick={answer('drop')}>
          {is === 'sending' ? 'Stop it' : 'Drop it'}
        </button>
        {(is === 'asks' || is === 'refused') && (
          <button type="button" class="button primary" onClick={answer('want')}>
            {is === 'asks' ? 'Yes, give it' : 'Try again'}
          </button>
        )}
      </div>
    </div>
  )
}

function wordsOf({ state, isUnwanted }: Queued): string {
  if (isUnwanted) return 'It may have arrived; it is stopped as soon as the hub answers.'
  if (state.is === 'asks') return 'It has waited for long. Still want this?'
  if (state.is === 'refused') return [state.message, state.hint].filter(Boolean).join(' ')
  if (hub.value !== 'open') return 'Queued on this phone. It is sent once, when the hub answers.'
  return 'Sending…'
}
