/** For the settings: what this phone keeps, how much room that takes, and over which connections it is fetched (PH14). */
import './keep.css'
import { limits } from '@meshbook/core/limits.ts'
import { storageRoom } from '../../sync/browser-storage.ts'
import { lists } from '../first-list.ts'
import { tell } from '../said.ts'
import { titleOf } from '../words.ts'
import { heldBytes } from './held.ts'
import { held } from './held-here.ts'
import { isWaitingForWifi } from './keep-up.ts'
import { choice, keptDocuments, setKept, setMetered } from './kept-choice.ts'
import { dropAllUnused } from './make-room.ts'

export function OfflineSection() {
  return (
    <section aria-label="Offline">
      <h2>Offline</h2>
      <Room />
      <Kept />
      <div class="keep">
        <Metered />
      </div>
    </section>
  )
}

function Room() {
  const all = heldBytes(held.value)
  const kept = heldBytes(Object.fromEntries(Object.entries(held.value).filter(([id]) => keptDocuments.value.has(id))))
  const room = storageRoom.value
  const drop = () => dropAllUnused().catch(() => tell('Nothing was removed', 'The browser did not let go of it.'))
  return (
    <div class="keep-room">
      <p>
        Notebooks on this phone take <b>{sizeOf(all)}</b>: {sizeOf(kept)} that you keep,{' '}
        {sizeOf(Math.max(0, all - kept))} that you opened.
        {room && ` The app uses ${sizeOf(room.usedBytes)} in all, of ${sizeOf(room.quotaBytes)}.`}
      </p>
      <p class="about">
        {room && !room.lasting
          ? 'The browser may remove it when the phone is full. What has unsent edits is never removed by Meshbook.'
          : `Above ${sizeOf(limits.phoneUsedBytes)}, what you opened longest ago goes first. Unsent edits never go.`}
      </p>
      <button type="button" class="button" onClick={() => void drop()}>
        Remove what I only opened
      </button>
    </div>
  )
}

function Kept() {
  const { documents, projects } = choice.value
  const known = lists.value
  const rows = [
    ...projects.map(id => ({ kind: 'projects' as const, id, name: known?.projects.find(it => it.id === id)?.name })),
    ...documents.map(id => ({ kind: 'documents' as const, id, name: pathOf(id) })),
  ]
  if (rows.length === 0) return <p class="about">“Keep offline” in a notebook or a project brings it here.</p>
  return (
    <ul class="rows" aria-label="Kept offline">
      {rows.map(({ kind, id, name }) => (
        <li key={id} class="row">
          <span class="words">
            <span class="name">{name ?? 'Not in your list any more'}</span>
            <span class="about">{kind === 'projects' ? 'Project' : 'Notebook'}</span>
          </span>
          <button
            type="button"
            class="link"
            aria-label={`Stop keeping ${name ?? ''}`}
            onClick={() => void setKept(kind, id, false)}
          >
            Stop keeping
          </button>
        </li>
      ))}
    </ul>
  )
}

const pathOf = (document: string): string | undefined => {
  const path = lists.value?.documents.find(({ id }) => id === document)?.path
  return path && titleOf(path)
}

function Metered() {
  const { metered } = choice.value
  return (
    <button
      type="button"
      role="switch"
      class="keep-switch"
      aria-checked={metered}
      onClick={() => void setMetered(!metered)}
    >
      <span class="words-of">
        Also over mobile data
        <span class="about">
          {isWaitingForWifi.value
            ? 'Something waits for another connection now.'
            : 'Where the browser tells which it is.'}
        </span>
      </span>
      <span class="knob" aria-hidden="true" />
    </button>
  )
}

const units = ['B', 'KB', 'MB', 'GB'] as const
function sizeOf(bytes: number): string {
  const step = Math.min(units.length - 1, Math.floor(Math.log(Math.max(1, bytes)) / Math.log(1_000)))
  const value = bytes / 1_000 ** step
  return `${value < 10 && step > 0 ? value.toFixed(1) : Math.round(value)} ${units[step]}`
}
