/** One displayed value: in the best of its forms, or the one that was chosen for it (OU2, OU3). */
import type { MimePart } from '@meshbook/core/run.ts'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { assetUrl } from '../api/asset-addresses.ts'
import { MarkdownView } from '../prose/markdown-view.tsx'
import { JsonTree } from './json-tree.tsx'
import { FigureFrame } from './output/figure-frame.tsx'
import { type Form, formsOf } from './output/forms.ts'
import { LatexView } from './output/latex-view.tsx'
import { OutputMenu } from './output/output-menu.tsx'
import { parseHtml } from './output/page-facts.ts'
import { type TableData, tableOf, tableOfResource } from './output/table-data.ts'
import { TableView } from './output/table-view.tsx'
import { OutputImage } from './output-image.tsx'
import { OutputText } from './output-text.tsx'
import { SandboxFrame } from './sandbox-frame.tsx'
import '../styles/rich.css'

export { OutputError } from './output-error.tsx'
export { OutputImage }

export function RichOutput({ parts }: { parts: readonly MimePart[] }) {
  const [chosen, setChosen] = useState<string | undefined>(undefined)
  const forms = formsOf(parts)
  const form = forms.find(({ label }) => label === chosen) ?? forms[0]
  if (!form) return <NotShown parts={parts} />
  return (
    <div class="rich-output" data-form={form.kind}>
      <Drawn form={form} alt={altOf(parts)} />
      <OutputMenu forms={forms} form={form} choose={setChosen} />
    </div>
  )
}

function NotShown({ parts }: { parts: readonly MimePart[] }) {
  const types = parts.map(({ mimeType }) => mimeType).join(', ')
  return types === '' ? null : <p class="notice">This output is of a type that is not shown here: {types}</p>
}

function Drawn({ form: { kind, part }, alt }: { form: Form; alt: string }) {
  const isPixels = kind === 'image' && part.mimeType !== 'image/svg+xml'
  if (isPixels || (kind === 'image' && part.at === 'asset')) return <Picture part={part} alt={alt} />
  return <Loaded part={part}>{text => <DrawnText kind={kind} mimeType={part.mimeType} text={text} alt={alt} />}</Loaded>
}

function DrawnText({ kind, mimeType, text, alt }: { kind: Form['kind']; mimeType: string; text: string; alt: string }) {
  switch (kind) {
    case 'plotly':
    case 'vega':
      return <FigureFrame kind={kind} mimeType={mimeType} figure={text} />
    case 'table':
      return <TableOr text={text} read={tableOfResource} other={<JsonTree text={text} />} />
    case 'html':
      return <TableOr text={text} read={readHtml} other={<SandboxFrame html={text} />} />
    case 'page':
      return <SandboxFrame html={text} />
    case 'image':
      return <SvgImage text={text} alt={alt} />
    case 'markdown':
      return <MarkdownView source={text} />
    case 'latex':
      return <LatexView source={text} />
    case 'json':
      return <JsonTree text={text} />
    case 'text':
      return <OutputText text={text} />
  }
}

const readHtml = (html: string): TableData | undefined => tableOf(html, parseHtml)

interface TableOrProps {
  text: string
  read: (text: string) => TableData | undefined
  other: preact.JSX.Element
}

function TableOr({ text, read, other }: TableOrProps) {
  const table = useMemo(() => read(text), [text, read])
  return table ? <TableView table={table} /> : other
}

/** As an image an SVG can neither run scripts nor load anything (S9), and has its own size. */
function SvgImage({ text, alt }: { text: string; alt: string }) {
  const url = `data:image/svg+xml,${encodeURIComponent(text.toWellFormed())}`
  return <OutputImage url={url} name={`svg:${text.length}:${text.slice(0, 200)}`} alt={alt} />
}

function Picture({ part, alt }: { part: MimePart; alt: string }) {
  const size = { width: part.width, height: part.height }
  if (part.at === 'asset') return <OutputImage url={assetUrl(part.asset)} name={part.asset} alt={alt} size={size} />
  const url = `data:${part.mimeType};base64,${part.data.replace(/[^A-Za-z0-9+/=]/g, '')}`
  return <OutputImage url={url} name={`${url.length}:${url.slice(-48)}`} alt={alt} size={size} />
}

/** What stands for the image where it cannot be seen. An address in memory (`<Plot object at 0x…>`) tells nobody anything. */
function altOf(parts: readonly MimePart[]): string {
  const plain = parts.find(part => part.mimeType === 'text/plain')
  const text = plain?.at === 'inline' ? plain.data.trim().slice(0, 200) : ''
  return /^<.*>$/s.test(text) ? '' : text
}

/** Small values are in the document, large ones are fetched. */
function Loaded({ part, children }: { part: MimePart; children: (text: string) => preact.ComponentChildren }) {
  const [text, setText] = useState(part.at === 'inline' ? part.data : undefined)
  const [failed, setFailed] = useState(false)
  useEffect(() => {
    if (part.at === 'inline') return setText(part.data)
    const abort = new AbortController()
    setFailed(false)
    fetch(assetUrl(part.asset), { signal: abort.signal })
      .then(async response => (response.ok ? setText(await response.text()) : setFailed(true)))
      .catch(() => setFailed(!abort.signal.aborted))
    return () => abort.abort()
  }, [part.at === 'inline' ? part.data : part.asset])
  if (failed) return <p class="notice warn">This output is not on this hub (yet).</p>
  return text === undefined ? <p class="output-loading">Loading…</p> : children(text)
}
