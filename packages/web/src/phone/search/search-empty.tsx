/** Before anything is typed: what was searched for last, and what can be found. */
import { forgetSearches, recentSearches } from './recent-searches.ts'

export function SearchEmpty({ choose, isKnown }: { choose: (query: string) => void; isKnown: boolean }) {
  const searches = recentSearches.value
  if (searches.length > 0)
    return (
      <section>
        <h2>Recent searches</h2>
        <ul class="rows">
          {searches.map(query => (
            <li key={query}>
              <button type="button" class="row" onClick={() => choose(query)}>
                <span class="words">{query}</span>
              </button>
            </li>
          ))}
        </ul>
        <button type="button" class="link" onClick={() => void forgetSearches()}>
          Clear recent searches
        </button>
      </section>
    )
  return (
    <div class="empty">
      <h2>{isKnown ? 'Find what you wrote' : 'Nothing is known here yet'}</h2>
      <p>
        Every word that you type is looked for in the names of all your notebooks, projects and devices, and in the
        whole text of the notebooks that are on this phone, also without a network.
      </p>
      <p class="faint">A notebook is on this phone once it was opened here, or is kept offline.</p>
    </div>
  )
}
