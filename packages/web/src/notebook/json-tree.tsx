/** JSON as a tree that opens on demand; what is closed is not drawn, and long lists come a piece at a time (OU5). */
import { useMemo, useState } from 'preact/hooks'
import { OutputText } from './output-text.tsx'

const piece = 100
const mostChars = 4 * 1024 * 1024
const stringChars = 2_000

export function JsonTree({ text }: { text: string }) {
  const parsed = useMemo(() => parse(text), [text])
  if (parsed === undefined) return <OutputText text={text} />
  return (
    <div class="json-tree">
      <JsonNode value={parsed.value} isOpen />
    </div>
  )
}

function parse(text: string): { value: unknown } | undefined {
  if (text.length > mostChars) return undefined
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}

function JsonNode({ name, value, isOpen = false }: { name?: string; value: unknown; isOpen?: boolean }) {
  const label = name === undefined ? null : <span class="json-name">{name}: </span>
  if (typeof value === 'object' && value !== null) return <JsonBranch label={label} value={value} isOpen={isOpen} />
  return (
    <div class="json-leaf">
      {label}
      <span class={`json-${value === null ? 'null' : typeof value}`}>{shortened(JSON.stringify(value))}</span>
    </div>
  )
}

const shortened = (text: string): string =>
  text.length <= stringChars ? text : `${text.slice(0, stringChars)}… (${text.length.toLocaleString()} characters)`

interface BranchProps {
  label: preact.ComponentChildren
  value: object
  isOpen: boolean
}

function JsonBranch({ label, value, isOpen }: BranchProps) {
  const [open, setOpen] = useState(isOpen)
  const [shown, setShown] = useState(piece)
  const isList = Array.isArray(value)
  const entries = open ? Object.entries(value) : []
  const count = isList ? value.length : Object.keys(value).length
  return (
    <details open={open} onToggle={event => setOpen(event.currentTarget.open)}>
      <summary>
        {label}
        <span class="faint">
          {isList ? '[' : '{'} {count.toLocaleString()} {isList ? ']' : '}'}
        </span>
      </summary>
      {entries.slice(0, shown).map(([key, inner]) => (
        <JsonNode key={key} name={key} value={inner} />
      ))}
      {entries.length > shown && (
        <button type="button" class="pill" onClick={() => setShown(shown + 10 * piece)}>
          Show more: {(entries.length - shown).toLocaleString()} left
        </button>
      )}
    </details>
  )
}
