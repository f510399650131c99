/** What was found: each notebook with the line that has the words, and what else is called that. */
import type { ComponentChildren } from 'preact'
import { here } from '../offline/here.ts'
import { notebookAt, projectAt } from '../place.ts'
import { Go } from '../shell/go.tsx'
import { Icon } from '../shell/icons.tsx'
import { titleOf } from '../words.ts'
import type { Found, FoundNotebook } from './found.ts'
import { noteSearch } from './recent-searches.ts'
import { type Mark, marksIn, matchHash } from './search-text.ts'

interface RowsProps {
  found: Found
  words: readonly string[]
  query: string
  isOver: boolean
}

export function FoundRows({ found, words, query, isOver }: RowsProps) {
  const { notebooks, projects, devices } = found
  const count = notebooks.length + projects.length + devices.length
  const note = () => void noteSearch(query)
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Enter on a link is a click
    // biome-ignore lint/a11y/noStaticElementInteractions: the links in it are what is pressed
    <div onClick={note}>
      <p class="visually-hidden" role="status">
        {isOver ? `${count === 0 ? 'Nothing' : count} found` : ''}
      </p>
      {count === 0 && isOver && <NothingFound query={query} />}
      <Section title="Notebooks" shown={notebooks.length > 0}>
        {notebooks.map(row => (
          <NotebookRow key={row.document.id} row={row} words={words} />
        ))}
      </Section>
      <Section title="Projects" shown={projects.length > 0}>
        {projects.map(({ id, name }) => (
          <NamedRow key={id} to={projectAt(name)} name={name} words={words} />
        ))}
      </Section>
      <Section title="Devices" shown={devices.length > 0}>
        {devices.map(({ id, name }) => (
          <NamedRow key={id} to="/m/devices" name={name} words={words} />
        ))}
      </Section>
    </div>
  )
}

function Section({ title, shown, children }: { title: string; shown: boolean; children: ComponentChildren }) {
  if (!shown) return null
  return (
    <section>
      <h2>{title}</h2>
      <ul class="rows">{children}</ul>
    </section>
  )
}

function NotebookRow({ row, words }: { row: FoundNotebook; words: readonly string[] }) {
  const { document, project, match } = row
  const title = titleOf(document.path)
  const first = match?.marks[0]
  const hash = match && first ? matchHash(match.at, match.line.slice(first.from, first.to)) : ''
  return (
    <li>
      <Go to={notebookAt(project.name, document.path) + hash} class="row">
        <span class="words">
          <span class="name">
            <Marked text={title} marks={marksIn(title, words)} />
          </span>
          {match && (
            <span class="match">
              <Marked text={match.line} marks={match.marks} />
            </span>
          )}
          <span class="about">
            {project.name}
            {!match && !here.value.has(document.id) && ' · only its name is known here'}
          </span>
        </span>
      </Go>
    </li>
  )
}

function NamedRow({ to, name, words }: { to: string; name: string; words: readonly string[] }) {
  return (
    <li>
      <Go to={to} class="row">
        <span class="words name">
          <Marked text={name} marks={marksIn(name, words)} />
        </span>
        <Icon name="chevron" size={18} />
      </Go>
    </li>
  )
}

export function Marked({ text, marks }: { text: string; marks: readonly Mark[] }) {
  let at = 0
  const parts: ComponentChildren[] = []
  for (const { from, to } of marks) {
    parts.push(text.slice(at, from), <mark key={from}>{text.slice(from, to)}</mark>)
    at = to
  }
  return (
    <>
      {parts}
      {text.slice(at)}
    </>
  )
}

function NothingFound({ query }: { query: string }) {
  return (
    <div class="empty">
      <h2>Nothing has “{query.trim()}”</h2>
      <p>
        Texts are looked through where they are on this phone. Open a notebook once, or keep its project offline, and it
        is found by what is in it.
      </p>
    </div>
  )
}
