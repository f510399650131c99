/** A page, or a part of one, that is a chunk of its own, so that the list of documents is there at once. */
import type { FunctionComponent } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { sayNotLoaded } from './from-part.tsx'
import { ProblemPage } from './problem-page.tsx'

type Load<Props> = () => Promise<FunctionComponent<Props>>

export function lazyPage<Props extends object>(load: Load<Props>): FunctionComponent<Props> {
  return lazy(load, () => (
    <ProblemPage title="The page could not be loaded" text="Meshbook may have been updated." hint="Reload the page." />
  ))
}

/** A panel or dialog: what it belongs to stays as it is when it cannot be loaded, and opening it again tries again. */
export function lazyPart<Props extends object>(load: Load<Props>): FunctionComponent<Props> {
  return lazy(load, NotLoaded)
}

function NotLoaded() {
  useEffect(sayNotLoaded, [])
  return null
}

function lazy<Props extends object>(load: Load<Props>, Failed: FunctionComponent): FunctionComponent<Props> {
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
    if (failed) return <Failed />
    return Loaded ? <Loaded {...props} /> : null
  }
}
