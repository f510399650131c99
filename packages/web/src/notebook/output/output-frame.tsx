/**
 * A sandboxed frame: as high as what is in it, live only near the screen, and asking before a link leaves (S9, OU8).
 * Of what it says only a height, an address and words are believed, and each is checked.
 */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'

const mostHeight = 4_000
const leastHeight = 24
const mostAddress = 2_000
/** Frames farther away than this are let go; coming back they are drawn anew. */
const nearby = '1500px 0px'

export interface FrameMessage {
  meshbookReady?: unknown
  meshbookDrawn?: unknown
  meshbookFailed?: unknown
}

interface Props {
  page: string
  guess: number
  title: string
  /** Whatever else it says, with a way to answer. */
  heard?: (message: FrameMessage, answer: (message: object) => void) => void
}

export function OutputFrame({ page, guess, title, heard }: Props) {
  const place = useRef<HTMLDivElement>(null)
  const frame = useRef<HTMLIFrameElement>(null)
  const [height, setHeight] = useState<number | undefined>(undefined)
  const loads = useRef(0)
  const [hasLeft, setLeft] = useState(false)
  const [link, setLink] = useState<string | undefined>(undefined)
  const isNear = useNear(place)
  useEffect(() => {
    const receive = (event: MessageEvent<unknown>) => {
      const source = frame.current?.contentWindow
      // The origin of a sandboxed frame is always "null", so the window itself is what tells ours from others.
      if (!source || event.source !== source || typeof event.data !== 'object' || event.data === null) return
      const { meshbookHeight, meshbookLink } = event.data as { meshbookHeight?: unknown; meshbookLink?: unknown }
      if (typeof meshbookHeight === 'number') setHeight(known => heightOf(meshbookHeight) ?? known)
      else if (meshbookLink !== undefined) setLink(addressOf(meshbookLink))
      else heard?.(event.data as FrameMessage, message => source.postMessage(message, '*'))
    }
    addEventListener('message', receive)
    return () => removeEventListener('message', receive)
  }, [heard])
  useEffect(() => setLeft(false), [page])
  useLayoutEffect(() => {
    loads.current = 0
  }, [page, isNear])
  // Its own page is the first that it loads. The policy of this page stopped the next, which leaves an error in its place.
  const loaded = () => {
    if (++loads.current > 1) setLeft(true)
  }
  const style = { height: `${height ?? guess}px` }
  return (
    <div class="output-frame-place" ref={place}>
      {hasLeft ? (
        <p class="notice warn">This output tried to leave for another page, and was stopped.</p>
      ) : isNear ? (
        <iframe
          ref={frame}
          class="output-frame"
          title={title}
          sandbox="allow-scripts"
          referrerpolicy="no-referrer"
          srcdoc={page}
          style={style}
          onLoad={loaded}
          data-sized={height !== undefined}
        />
      ) : (
        <div style={style} />
      )}
      {link !== undefined && <AskToOpen address={link} done={() => setLink(undefined)} />}
    </div>
  )
}

function heightOf(asked: number): number | undefined {
  return Number.isFinite(asked) ? Math.min(mostHeight, Math.max(leastHeight, Math.ceil(asked))) : undefined
}

function addressOf(asked: unknown): string | undefined {
  if (typeof asked !== 'string' || asked.length > mostAddress || !URL.canParse(asked)) return undefined
  const url = new URL(asked)
  return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : undefined
}

/** A script can press its own links: only a press on this one opens anything. */
function AskToOpen({ address, done }: { address: string; done: () => void }) {
  return (
    <div class="notice" role="status">
      <span class="grow">
        This output links to{' '}
        <a href={address} target="_blank" rel="noopener noreferrer" onClick={done}>
          {address}
        </a>
      </span>
      <button type="button" class="pill" onClick={done}>
        Dismiss
      </button>
    </div>
  )
}

function useNear(place: preact.RefObject<HTMLElement | null>): boolean {
  const [isNear, setNear] = useState(false)
  useEffect(() => {
    if (!place.current) return
    const observer = new IntersectionObserver(entries => setNear(entries.at(-1)!.isIntersecting), {
      rootMargin: nearby,
      scrollMargin: nearby,
    })
    observer.observe(place.current)
    return () => observer.disconnect()
  }, [])
  return isNear
}
