/** A page that is a chunk of its own, so that the list of documents is there at once. */
import type { FunctionComponent } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { ProblemPage } from './problem-page.tsx'

export function lazyPage<Props extends object>(
  load: () => Promise<FunctionComponent<Props>>,
): FunctionComponent<Props> {
  let known: FunctionComponent<Props> | undefined
  return props => {
    const [Loaded, setLoaded] = useState(() => known)
    const [failed, setFailed] = useState(false)
    useEffect(() => {
      if (Loaded) return
      load()
        .then(page => {
          known = page
          setLoaded(() => page)
        })
        .catch(() => setFailed(true))
    }, [])
    if (failed)
      return (
        <ProblemPage
          title="The page could not be loaded"
          text="Meshbook may have been updated."
          hint="Reload the page."
        />
      )
    return Loaded ? <Loaded {...props} /> : null
  }
}
