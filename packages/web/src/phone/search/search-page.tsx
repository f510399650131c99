/** Search: over titles and texts of what is here, at once and offline, and over the names of everything else (PH63). */
import '../styles/pages.css'
import '../styles/search.css'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { devices } from '../../state/known.ts'
import { lists, recent } from '../first-list.ts'
import { PageHead } from '../shell/page-head.tsx'
import { foundIn } from './found.ts'
import { FoundRows } from './found-rows.tsx'
import { readSearches } from './recent-searches.ts'
import { SearchEmpty } from './search-empty.tsx'
import { TextsHere } from './search-here.ts'
import { finderOf, type TextMatch, wordsIn } from './search-text.ts'

const none: ReadonlyMap<string, TextMatch> = new Map()

export function SearchPage() {
  const [query, setQuery] = useState(() => new URLSearchParams(location.search).get('q') ?? '')
  const input = useRef<HTMLInputElement>(null)
  const words = useMemo(() => wordsIn(query), [query])
  const { texts, isOver } = useTexts(words)
  useEffect(() => {
    void readSearches()
    input.current?.focus()
  }, [])
  const change = (next: string) => {
    setQuery(next)
    // So that the way back from a notebook leads to what was found.
    history.replaceState(history.state, '', next === '' ? '/m/search' : `/m/search?q=${encodeURIComponent(next)}`)
  }
  const known = { documents: recent.value, projects: lists.value?.projects ?? [], devices: devices.value }
  const found = words.length === 0 ? undefined : foundIn(known, words, texts)
  return (
    <main class="page searching">
      <PageHead title="Search" from="/m/" />
      {found ? (
        <FoundRows found={found} words={words} query={query} isOver={isOver} />
      ) : (
        <SearchEmpty choose={change} isKnown={lists.value !== undefined} />
      )}
      <search class="search-bar">
        <input
          ref={input}
          type="search"
          class="field"
          aria-label="Search notebooks, projects and devices"
          placeholder="Search"
          enterkeyhint="search"
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          maxLength={200}
          value={query}
          onInput={event => change(event.currentTarget.value)}
          onKeyDown={event => event.key === 'Enter' && event.currentTarget.blur()}
        />
      </search>
    </main>
  )
}

/** What the texts that are here have of the words, brought up to date while more of them are read. */
function useTexts(words: readonly string[]): { texts: ReadonlyMap<string, TextMatch>; isOver: boolean } {
  const here = useMemo(() => new TextsHere(), [])
  const [read, setRead] = useState(0)
  const [isRead, setIsRead] = useState(false)
  const [result, setResult] = useState({ words: '', texts: none })
  useEffect(() => {
    const abort = new AbortController()
    const ids = recent.peek().map(({ id }) => id)
    void here.read(ids, abort.signal, () => setRead(count => count + 1)).then(() => setIsRead(true))
    return () => abort.abort()
  }, [lists.value === undefined])
  const key = words.join(' ')
  useEffect(() => {
    if (words.length === 0) return
    const abort = new AbortController()
    void here.search(finderOf(words), abort.signal).then(texts => texts && setResult({ words: key, texts }))
    return () => abort.abort()
  }, [key, read])
  return { texts: result.words === key ? result.texts : none, isOver: isRead && result.words === key }
}
