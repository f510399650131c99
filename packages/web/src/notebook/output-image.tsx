/** An image. Its size is remembered by its content's hash, so that it never moves the page after the first time. */
import { useState } from 'preact/hooks'

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

export function OutputImage({ url, name, alt }: { url: string; name: string; alt: string }) {
  const [failed, setFailed] = useState(false)
  const [width, height] = sizes.get(name) ?? []
  if (failed) return <p class="notice warn">The image is not on this hub (yet).</p>
  return (
    <figure class="output-image" data-known={width !== undefined}>
      <img
        src={url}
        alt={alt || 'Plot'}
        width={width}
        height={height}
        decoding="async"
        onLoad={event => remember(name, event.currentTarget.naturalWidth, event.currentTarget.naturalHeight)}
        onError={() => setFailed(true)}
      />
    </figure>
  )
}
