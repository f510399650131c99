/** What was shared and is not where it belongs yet: each with what it waits for (PH64). */
import { hub } from '../first-list.ts'
import { notebookAt } from '../place.ts'
import { say } from '../say.ts'
import { Go } from '../shell/go.tsx'
import { titleOf } from '../words.ts'
import { discard, sharedHere } from './browser-shared.ts'
import { linkOf, wordsOf } from './piece.ts'
import type { Shared } from './shared.ts'

export function WaitingShares({ but }: { but?: string | undefined }) {
  const rows = sharedHere.value.filter(({ id }) => id !== but)
  if (rows.length === 0) return null
  return (
    <section>
      <h2>Waits on this phone</h2>
      <ul class="rows">
        {rows.map(shared => (
          <Waiting key={shared.id} shared={shared} />
        ))}
      </ul>
    </section>
  )
}

function Waiting({ shared }: { shared: Shared }) {
  const { goal, refused } = shared
  const isOpen = hub.value === 'open'
  return (
    <li class="shared-waiting">
      <p class="words">
        <span class="name">{shared.title || wordsOf(shared) || linkOf(shared) || shared.files[0]?.name}</span>
        <span class={refused ? 'shared-why bad' : 'shared-why'} role="status">
          {waitsFor(shared, isOpen)}
        </span>
      </p>
      <div class="shared-do">
        {goal?.is === 'end' && shared.written && (
          <Go to={notebookAt(goal.projectName, goal.path)} class="button">
            Open
          </Go>
        )}
        {(!goal || refused) && (
          <a class="button" href={`/m/share?id=${shared.id}`}>
            Choose a place
          </a>
        )}
        {!shared.written && (
          <button
            type="button"
            class="button"
            onClick={() => discard(shared.id).catch(thrown => say(thrown, 'It was not discarded'))}
          >
            Discard
          </button>
        )}
      </div>
    </li>
  )
}

/** Each sentence only when it is true. */
export function waitsFor({ goal, refused, written, files }: Shared, isOpen: boolean): string {
  if (refused) return `${refused.message} ${refused.hint}`
  if (!goal) return 'It has no place yet.'
  const name = titleOf(goal.path)
  if (goal.is === 'new')
    return isOpen ? `The note “${name}” is being made.` : `The note “${name}” is made when the hub answers.`
  if (!written)
    return isOpen
      ? `It is being put into “${name}”.`
      : `“${name}” is not on this phone: it is added when the hub answers.`
  const left = files.filter(({ sent }) => !sent).length
  const what = left === 1 ? 'its file is' : `its ${left} files are`
  return `It stands in “${name}”; ${what} sent ${isOpen ? 'now' : 'when the hub answers'}.`
}
