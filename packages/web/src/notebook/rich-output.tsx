/** One displayed value: the richest of its forms that is safe to show here. */
import type { MimePart } from '@meshbook/core/run.ts'
import { useEffect, useState } from 'preact/hooks'
import { assetUrl } from '../api/client.ts'
import { JsonTree } from './json-tree.tsx'
import { MarkdownView } from './markdown-view.tsx'
import { OutputImage } from './output-image.tsx'
import { OutputText } from './output-text.tsx'
import { SandboxFrame } from './sandbox-frame.tsx'

const preferred = [
  'text/html',
  'image/svg+xml',
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'text/markdown',
  'text/latex',
  'application/json',
  'text/plain',
]

export function bestPart(parts: readonly MimePart[]): MimePart | undefined {
  const rank = (part: MimePart) =>
    preferred.indexOf(part.mimeType) + 1 || (part.mimeType.endsWith('+json') ? preferred.length : 99)
  return parts.toSorted((a, b) => rank(a) - rank(b))[0]
}

export function RichOutput({ parts }: { parts: readonly MimePart[] }) {
  const part = bestPart(parts)
  if (!part) return null
  const { mimeType } = part
  if (/^image\/(png|jpeg|gif|webp)$/.test(mimeType) || (part.at === 'asset' && mimeType === 'image/svg+xml'))
    return <Picture part={part} />
  return <Loaded part={part}>{text => drawn(mimeType, text)}</Loaded>
}

function drawn(mimeType: string, text: string) {
  if (mimeType === 'text/html') return <SandboxFrame html={text} />
  // As an image an SVG can neither run scripts nor load anything (S9), and has its own size.
  if (mimeType === 'image/svg+xml')
    return (
      <OutputImage
        url={`data:image/svg+xml,${encodeURIComponent(text)}`}
        name={`svg:${text.length}:${text.slice(0, 200)}`}
        alt=""
      />
    )
  if (mimeType === 'text/markdown') return <MarkdownView source={text} />
  if (mimeType === 'application/json' || mimeType.endsWith('+json')) return <JsonTree text={text} />
  return <OutputText text={text} />
}

function Picture({ part }: { part: MimePart }) {
  if (part.at === 'asset') return <OutputImage url={assetUrl(part.asset)} name={part.asset} alt="" />
  const url = `data:${part.mimeType};base64,${part.data.replace(/[^A-Za-z0-9+/=]/g, '')}`
  return <OutputImage url={url} name={`${url.length}:${url.slice(-48)}`} alt="" />
}

/** Small values are in the document, large ones are fetched. */
function Loaded({ part, children }: { part: MimePart; children: (text: string) => preact.ComponentChildren }) {
  const [text, setText] = useState(part.at === 'inline' ? part.data : undefined)
  const [failed, setFailed] = useState(false)
  useEffect(() => {
    if (part.at === 'inline') return setText(part.data)
    const abort = new AbortController()
    fetch(assetUrl(part.asset), { signal: abort.signal })
      .then(async response => (response.ok ? setText(await response.text()) : setFailed(true)))
      .catch(() => setFailed(!abort.signal.aborted))
    return () => abort.abort()
  }, [part.at === 'inline' ? part.data : part.asset])
  if (failed) return <p class="notice warn">This output is not on this hub (yet).</p>
  return text === undefined ? <p class="output-loading">Loading…</p> : children(text)
}
