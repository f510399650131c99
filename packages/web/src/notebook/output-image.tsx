/**
 * An image, enlarged by a press. Its size is remembered by its content's hash, so that it never moves the page after the first time; until it
 * is there, and when it cannot be had, a box of the same size stands in its place.
 */
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { Icon } from '../shell/icons.tsx'
import '../styles/rich.css'

const sizes = new Map<string, [number, number]>(loadSizes())
const storageKey = 'meshbook.image-sizes'
const mostKept = 500

function loadSizes(): [string, [number, number]][] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem('meshbook.image-sizes') ?? '[]')
    return Array.isArray(stored) ? (stored as [string, [number, number]][]) : []
  } catch {
    return []
  }
}

function remember(name: string, width: number, height: number): void {
  if (sizes.has(name) || width === 0) return
  sizes.set(name, [width, height])
  try {
    localStorage.setItem(storageKey, JSON.stringify([...sizes].slice(-mostKept)))
  } catch {
    // Without storage the size is known until the page is closed.
  }
}

type Shown = 'loading' | 'there' | 'failed'

interface Props {
  url: string
  name: string
  alt: string
  /** As the program that made it wants it shown, in pixels of the page. */
  size?: { width: number | undefined; height: number | undefined }
}

export function OutputImage({ url, name, alt, size: wanted }: Props) {
  const [shown, setShown] = useState<Shown>('loading')
  const [tries, setTries] = useState(0)
  const [width, height] = wantedSize(wanted, sizes.get(name)) ?? []
  const large = useRef<HTMLDialogElement>(null)
  const label = alt || 'Plot'
  const isAsked = (wanted?.width ?? wanted?.height) !== undefined && width !== undefined
  const asked = isAsked ? ({ width: `${width}px`, height: 'auto', objectFit: 'contain' } as const) : undefined
  const retry = () => {
    setShown('loading')
    setTries(tries + 1)
  }
  // Before it is painted: the network may be back at any moment from then on.
  useLayoutEffect(() => {
    if (shown !== 'failed') return
    // What failed for want of a network comes by itself with it.
    addEventListener('online', retry)
    return () => removeEventListener('online', retry)
  }, [shown])
  const size = width === undefined ? undefined : { aspectRatio: `${width} / ${height}`, width: `${width}px` }
  return (
    <figure class="output-image" data-known={width !== undefined} data-shown={shown}>
      {shown === 'failed' ? (
        <ImageMissing size={size} retry={retry} />
      ) : (
        <button
          type="button"
          class="enlarge"
          aria-label={`Enlarge: ${label}`}
          onClick={() => large.current?.showModal()}
        >
          <img
            key={tries}
            src={url}
            alt={label}
            width={width}
            height={height}
            style={asked}
            loading="lazy"
            decoding="async"
            onLoad={event => {
              remember(name, event.currentTarget.naturalWidth, event.currentTarget.naturalHeight)
              setShown('there')
            }}
            onError={() => setShown('failed')}
          />
        </button>
      )}
      <Enlarged dialog={large} url={url} label={label} />
    </figure>
  )
}

/** A known width or height alone keeps the proportions. */
function wantedSize(wanted: Props['size'], known: [number, number] | undefined): [number, number] | undefined {
  const { width, height } = wanted ?? {}
  if (width && height) return [width, height]
  if (!known || (!width && !height)) return known
  const scale = width ? width / known[0] : height! / known[1]
  return [Math.round(known[0] * scale), Math.round(known[1] * scale)]
}

function Enlarged({
  dialog,
  url,
  label,
}: {
  dialog: preact.RefObject<HTMLDialogElement | null>
  url: string
  label: string
}) {
  const [open, setOpen] = useState(false)
  const close = () => dialog.current?.close()
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape and the button close it as well
    <dialog
      ref={dialog}
      class="enlarged"
      aria-label={label}
      onToggle={event => setOpen(event.newState === 'open')}
      onClick={event => event.target === dialog.current && close()}
    >
      {open && <img src={url} alt={label} />}
      <button type="button" class="button" onClick={close}>
        Close
      </button>
    </dialog>
  )
}

function ImageMissing({
  size,
  retry,
}: {
  size: { aspectRatio: string; width: string } | undefined
  retry: () => void
}) {
  const offline = !navigator.onLine
  return (
    <div class="image-missing" role="status" style={size}>
      <Icon name={offline ? 'offline' : 'warning'} />
      <p>
        {offline
          ? 'You are offline. The image comes when you are back.'
          : 'The image could not be loaded. The device that made it may not have sent it yet.'}
      </p>
      <button type="button" class="button" onClick={retry}>
        Try again
      </button>
    </div>
  )
}
