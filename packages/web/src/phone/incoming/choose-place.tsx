/** Where something shared goes: a new note, or the end of one (PH61). */
import type { Project } from '@meshbook/core/api.ts'
import { useState } from 'preact/hooks'
import { hub, lists, recent } from '../first-list.ts'
import { here } from '../offline/here.ts'
import { go, notebookAt } from '../place.ts'
import { tell } from '../said.ts'
import { say } from '../say.ts'
import { titleOf } from '../words.ts'
import { discard, place } from './browser-shared.ts'
import { nameFor } from './piece.ts'
import type { Goal, Shared } from './shared.ts'
import { mayWriteIn } from './writable.ts'

const shownRows = 8

export function ChoosePlace({ shared }: { shared: Shared }) {
  const [is, setIs] = useState<Goal['is']>(shared.goal?.is ?? 'new')
  const [busy, setBusy] = useState(false)
  const projects = (lists.value?.projects ?? []).filter(mayWriteIn)
  const choose = async (goal: Goal) => {
    setBusy(true)
    try {
      const settled = await place(shared.id, goal)
      if (settled === 'done') {
        tell(goal.is === 'new' ? 'The note is made' : `Added to ${titleOf(goal.path)}`)
        go(notebookAt(goal.projectName, goal.path), { replace: true })
      }
    } catch (thrown) {
      say(thrown, 'It was not stored where you want it')
    }
    setBusy(false)
  }
  if (projects.length === 0) return <NoProject />
  return (
    <section class="shared-goal">
      {shared.refused && (
        <p class="note bad" role="alert">
          {shared.refused.message} {shared.refused.hint}
        </p>
      )}
      <fieldset class="segments">
        <legend class="visually-hidden">Where it goes</legend>
        <Segment is="new" chosen={is} choose={setIs} label="New note" />
        <Segment is="end" chosen={is} choose={setIs} label="Add to a notebook" />
      </fieldset>
      {is === 'new' ? (
        <NewNote shared={shared} projects={projects} busy={busy} choose={choose} />
      ) : (
        <AtTheEnd projects={projects} busy={busy} choose={choose} />
      )}
      <button type="button" class="button wide" disabled={busy} onClick={() => void drop(shared.id)}>
        Discard
      </button>
    </section>
  )
}

async function drop(id: string): Promise<void> {
  try {
    await discard(id)
    tell('Discarded')
    go('/m/', { replace: true })
  } catch (thrown) {
    say(thrown, 'It was not discarded')
  }
}

interface SegmentProps {
  is: Goal['is']
  chosen: Goal['is']
  choose: (is: Goal['is']) => void
  label: string
}

function Segment({ is, chosen, choose, label }: SegmentProps) {
  return (
    <label class="segment">
      <input type="radio" name="goal" checked={is === chosen} onChange={() => choose(is)} />
      {label}
    </label>
  )
}

interface PlaceProps {
  projects: readonly Project[]
  busy: boolean
  choose: (goal: Goal) => Promise<void>
}

const placeIn = (project: Project, path: string) => ({
  project: project.id,
  projectName: project.name,
  owner: project.owner,
  path,
})

function NewNote({ shared, projects, busy, choose }: PlaceProps & { shared: Shared }) {
  const latest = projects.find(({ id }) => id === recent.peek()[0]?.project) ?? projects[0]!
  const [project, setProject] = useState<Project>(latest)
  const paths = new Set(recent.value.filter(one => one.project === project.id).map(({ path }) => path.toLowerCase()))
  const isTaken = (path: string) => paths.has(path.toLowerCase())
  const [typed, setTyped] = useState<string | undefined>(undefined)
  const name = typed ?? nameFor(shared, new Date(shared.at).toISOString().slice(0, 10), isTaken)
  const path = `${name.trim().replace(/\.md$/, '')}.md`
  const submit = (event: Event) => {
    event.preventDefault()
    if (name.trim() !== '' && !isTaken(path)) void choose({ is: 'new', ...placeIn(project, path) })
  }
  return (
    <form class="fields" onSubmit={submit}>
      <label>
        Project
        <select
          class="field"
          value={project.id}
          onChange={event => setProject(projects.find(({ id }) => id === event.currentTarget.value) ?? project)}
        >
          {projects.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        Name
        <input
          class="field"
          value={name}
          maxLength={200}
          required
          autocomplete="off"
          aria-describedby="share-name"
          onInput={event => setTyped(event.currentTarget.value)}
        />
      </label>
      <p id="share-name" class={isTaken(path) ? 'note bad' : 'note'} role="status">
        {isTaken(path)
          ? 'There is a notebook of that name.'
          : hub.value === 'open'
            ? ''
            : 'The hub cannot be reached: it is kept on this phone and made when the hub answers.'}
      </p>
      <button type="submit" class="button primary wide" disabled={busy || isTaken(path) || name.trim() === ''}>
        {busy ? 'Making it…' : 'Make the note'}
      </button>
    </form>
  )
}

function AtTheEnd({ projects, busy, choose }: PlaceProps) {
  const [words, setWords] = useState('')
  const byId = new Map(projects.map(project => [project.id as string, project]))
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean)
  const found = recent.value
    .filter(({ project }) => byId.has(project))
    .filter(({ path, project }) => {
      const name = `${path} ${byId.get(project)!.name}`.toLowerCase()
      return wanted.every(word => name.includes(word))
    })
    .slice(0, shownRows)
  return (
    <div class="fields">
      <label>
        Which one
        <input
          class="field"
          type="search"
          value={words}
          autocomplete="off"
          placeholder="Part of its name"
          onInput={event => setWords(event.currentTarget.value)}
        />
      </label>
      <ul class="rows">
        {found.map(({ id, path, project }) => {
          const of = byId.get(project)!
          const isAway = hub.value !== 'open' && !here.value.has(id)
          return (
            <li key={id}>
              <button
                type="button"
                class="row"
                disabled={busy}
                onClick={() => void choose({ is: 'end', document: id, ...placeIn(of, path) })}
              >
                <span class="words">
                  <span class="name">{titleOf(path)}</span>
                  <span class="about">
                    {of.name}
                    {isAway ? ' · not on this phone, waits for the hub' : ''}
                  </span>
                </span>
              </button>
            </li>
          )
        })}
      </ul>
      {found.length === 0 && <p class="note">No notebook is called that.</p>}
    </div>
  )
}

function NoProject() {
  return (
    <p class="note" role="status">
      Your projects are not known on this phone yet. What was shared is kept; open this page again when the hub answers.
    </p>
  )
}
