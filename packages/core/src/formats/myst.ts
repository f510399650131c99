/** A document as MyST reads it (FM41): `{code-cell}` fences with `:tags:`, `+++` between texts. Outputs stay behind. */
import { fenceFor } from '../notebook/output.ts'
import { inlineJson, type JsonObject } from './ipynb/json-text.ts'
import { type PlainCell, type PlainDocument, plainCellsOf } from './plain-cells.ts'

export function toMyst(markdown: string): string {
  const document = plainCellsOf(markdown)
  const parts: string[] = [headOf(document)]
  document.cells.forEach((cell, i) => {
    const isSecondText = cell.type === 'markdown' && document.cells[i - 1]?.type === 'markdown'
    const metadata = cell.type === 'markdown' && cell.metadata.keys.length > 0 ? ` ${inlineJson(cell.metadata)}` : ''
    if (isSecondText || metadata !== '') parts.push(`+++${metadata}\n`)
    parts.push(textOf(cell))
  })
  return parts.filter(part => part !== '').join('\n')
}

function headOf({ head, kernelspec: { name, shown } }: PlainDocument): string {
  if (!head.metadata && /^kernelspec:/m.test(head.text)) return head.text
  const rest = head.rest.replace(/^(?:jupyter|file_format):.*\n(?:[ \t]+.*\n)*/gm, '')
  const kernelspec = `kernelspec:\n  name: ${inlineJson(name)}\n  display_name: ${inlineJson(shown)}\n`
  return `---\n${rest === '' || rest.endsWith('\n') ? rest : `${rest}\n`}file_format: mystnb\n${kernelspec}---\n`
}

function textOf({ type, source, metadata, language, open }: PlainCell): string {
  if (type === 'markdown') return source === '' ? '' : `${source}\n`
  const fence = fenceFor(source)
  if (type === 'raw') return `${fence}${rawDirective(metadata)}\n${source}\n${fence}\n`
  const kept = open !== undefined && /^`+\{code-cell\}/.test(open) ? /^(`+)[^\n]*\n([\s\S]*)$/.exec(open) : null
  if (kept) return `${open}${source}\n${kept[1]}\n`
  const options = optionLines(metadata)
  // A first line that looks like an option is kept from being one by an empty line.
  const apart = options !== '' || /^ {0,3}(?::|---)/.test(source) ? '\n' : ''
  return `${fence}{code-cell} ${language}\n${options}${apart}${source}\n${fence}\n`
}

function optionLines(metadata: JsonObject): string {
  return metadata.entries
    .filter(([key]) => /^[a-z][\w.-]*$/i.test(key))
    .map(([key, value]) => `:${key}: ${inlineJson(value)}\n`)
    .join('')
}

/** A raw cell that names no format is one for jupytext and myst-nb too; one that does is shown in that format alone. */
function rawDirective(metadata: JsonObject): string {
  const format = metadata.get('raw_mimetype') ?? metadata.get('format')
  if (typeof format !== 'string') return '{raw-cell}'
  return `{raw} ${/latex|tex/.test(format) ? 'latex' : 'html'}`
}
