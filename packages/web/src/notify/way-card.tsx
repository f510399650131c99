/** One way: when it last reached its user, what failed, a test that says how far it came (PH51); of a new mail address the code (NT31). */
import type { Way } from '@meshbook/core/notify-api.ts'
import { useState } from 'preact/hooks'
import { notifyApi } from '../api/notify.ts'
import { confirmed } from '../shell/ask.ts'
import { CodeForm } from './code-form.tsx'
import { loadWays, testWay } from './notify-state.ts'
import { awaitsWords, failureOf, healthOf, testWords, wayKindWords } from './way-words.ts'

/** How the app around it says what did not work. */
export type Say = (thrown: unknown, title: string) => void

export function WayCard({ way, say }: { way: Way; say: Say }) {
  const [busy, setBusy] = useState(false)
  const [tested, setTested] = useState('')
  const now = Date.now()
  const failure = failureOf(way, now)
  const awaits = awaitsWords(way, now)
  const test = () => {
    setBusy(true)
    setTested('Sending…')
    testWay(way, (test, isUnderWay) => setTested(testWords(test, way, isUnderWay, Date.now())))
      .catch(thrown => {
        setTested('')
        say(thrown, 'The test was not sent')
      })
      .finally(() => setBusy(false))
  }
  return (
    <article class="way" aria-label={way.name}>
      <h3>{way.name}</h3>
      <p class="faint">
        {wayKindWords[way.kind]} · {way.shown}
        {way.current && ' · this browser'}
      </p>
      <p>{awaits ?? healthOf(way, now)}</p>
      {failure && <p class={failure.isOver ? 'faint' : 'bad'}>{failure.text}</p>}
      {awaits !== undefined && <CodeForm way={way} say={say} />}
      <p role="status" class="tested">
        {tested}
      </p>
      <div class="card-actions">
        {awaits === undefined && (
          <button type="button" class="button" disabled={busy} onClick={test}>
            Test
          </button>
        )}
        <button type="button" class="button danger" disabled={busy} onClick={() => void remove(way, say)}>
          Remove
        </button>
      </div>
    </article>
  )
}

async function remove(way: Way, say: Say): Promise<void> {
  const text = 'Nothing is sent this way any more.'
  if (!(await confirmed({ title: `Remove “${way.name}”?`, text, action: 'Remove', danger: true }))) return
  await notifyApi.remove(way.id).then(loadWays, thrown => say(thrown, 'It was not removed'))
}
