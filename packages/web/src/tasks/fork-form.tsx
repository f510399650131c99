/** From a turn on as another task, with other words, or the same again (TP14). */
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { useRef, useState } from 'preact/hooks'
import { asApiError } from '../api/api-error.ts'
import { rememberTasks } from './known-tasks.ts'
import type { TaskPlaces } from './task-places.ts'
import { tasksApi } from './tasks-api.ts'

/** The same request keeps its id, however often it is sent. */
export function useAgain(task: string, places: TaskPlaces) {
  const named = useRef({ words: '', id: '' })
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const again = async (turn: number | undefined, prompt: string) => {
    const words = JSON.stringify([turn, prompt])
    if (named.current.words !== words) named.current = { words, id: newId('run', Date.now(), systemRandom) }
    setBusy(true)
    setProblem('')
    try {
      const body = { id: named.current.id, ...(turn !== undefined && { turn }), ...(prompt !== '' && { prompt }) }
      const made = await tasksApi.again(task, body)
      rememberTasks([made])
      places.go(places.one(made.id))
    } catch (thrown) {
      const { message, detail, hint } = asApiError(thrown)
      setProblem([detail || message, hint].filter(Boolean).join(' '))
    } finally {
      setBusy(false)
    }
  }
  return { again, busy, problem }
}

export function ForkForm({ task, turn, places }: { task: string; turn: number; places: TaskPlaces }) {
  const [open, setOpen] = useState(false)
  const [prompt, setPrompt] = useState('')
  const { again, busy, problem } = useAgain(task, places)
  if (!open)
    return (
      <button type="button" class="button task-small" onClick={() => setOpen(true)}>
        From turn {turn}…
      </button>
    )
  const submit = (event: Event) => {
    event.preventDefault()
    void again(turn, prompt.trim())
  }
  return (
    <form class="task-fork" onSubmit={submit}>
      <label>
        A new task keeps the conversation and the work up to turn {turn}. What is to be done then?
        <textarea
          class="field"
          rows={2}
          value={prompt}
          placeholder="The same as before, or other words"
          onInput={event => setPrompt(event.currentTarget.value)}
        />
      </label>
      {problem !== '' && (
        <p class="notice bad note" role="alert">
          {problem}
        </p>
      )}
      <div class="task-buttons">
        <button type="button" class="button" onClick={() => setOpen(false)}>
          Leave it
        </button>
        <button type="submit" class="button primary" disabled={busy}>
          Start it
        </button>
      </div>
    </form>
  )
}
