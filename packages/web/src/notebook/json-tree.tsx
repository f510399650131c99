/** JSON as a tree that opens on demand. */
import { OutputText } from './output-text.tsx'

const shownAtOnce = 100

export function JsonTree({ text }: { text: string }) {
  const parsed = parse(text)
  if (parsed === undefined) return <OutputText text={text} />
  return (
    <div class="json-tree">
      <JsonNode value={parsed.value} open />
    </div>
  )
}

function parse(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}

function JsonNode({ name, value, open = false }: { name?: string; value: unknown; open?: boolean }) {
  const label = name === undefined ? null : <span class="json-name">{name}: </span>
  if (typeof value !== 'object' || value === null) {
    return (
      <div class="json-leaf">
        {label}
        <span class={`json-${value === null ? 'null' : typeof value}`}>{JSON.stringify(value)}</span>
      </div>
    )
  }
  const entries = Object.entries(value)
  const [left, right] = Array.isArray(value) ? ['[', ']'] : ['{', '}']
  return (
    <details open={open}>
      <summary>
        {label}
        <span class="faint">
          {left} {entries.length} {right}
        </span>
      </summary>
      {entries.slice(0, shownAtOnce).map(([key, inner]) => (
        <JsonNode key={key} name={key} value={inner} />
      ))}
      {entries.length > shownAtOnce && <div class="faint">… and {entries.length - shownAtOnce} more</div>}
    </details>
  )
}
