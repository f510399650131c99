/** A document as Quarto reads it (FM40): code in `{language}` fences, options in `#|` lines. Outputs stay behind. */
import { commentOf } from '../languages.ts'
import { fenceFor } from '../notebook/output.ts'
import { inlineJson, type JsonObject } from './ipynb/json-text.ts'
import { type PlainCell, type PlainDocument, plainCellsOf } from './plain-cells.ts'
import { topLines } from './prose.ts'

export function toQuarto(markdown: string): string {
  const document = plainCellsOf(markdown)
  return [headOf(document), ...document.cells.map(textOf)].filter(text => text !== '').join('\n')
}

function headOf({ head, kernelspec }: PlainDocument): string {
  if (!head.metadata && head.text !== '') return head.text
  const rest = head.rest === '' || head.rest.endsWith('\n') ? head.rest : `${head.rest}\n`
  return `---\n${rest.replace(/^jupyter:.*\n(?:[ \t]+.*\n)*/m, '')}jupyter: ${inlineJson(kernelspec.name)}\n---\n`
}

function textOf({ type, source, metadata, language, open }: PlainCell): string {
  if (type === 'markdown') return source === '' ? '' : `${escapedFences(source)}\n`
  const fence = fenceFor(source)
  if (type === 'raw') return `${fence}{=${rawFormat(metadata)}}\n${source}\n${fence}\n`
  if (open !== undefined && /^`+\{(?!code-cell\})/.test(open)) return `${open}${source}\n${fenceIn(open)}\n`
  const mark = `${commentOf(language)}| `
  const options = source.startsWith(mark) ? '' : optionLines(metadata, mark)
  return `${fence}{${language}}\n${options}${source}\n${fence}\n`
}

const fenceIn = (open: string): string => /^`+/.exec(open)![0]

function optionLines(metadata: JsonObject, mark: string): string {
  return metadata.entries
    .filter(([key]) => /^[a-z][\w.-]*$/i.test(key))
    .map(([key, value]) => `${mark}${key}: ${inlineJson(value)}\n`)
    .join('')
}

function rawFormat(metadata: JsonObject): string {
  const format = String(metadata.get('raw_mimetype') ?? metadata.get('format') ?? '')
  return /latex|tex/.test(format) ? 'latex' : 'html'
}

/** Quarto shows `{{python}}` as `{python}` and runs nothing of it. */
function escapedFences(source: string): string {
  let text = ''
  let done = 0
  for (const { line, content, fence } of topLines(source)) {
    if (!fence || !/^\{[A-Za-z]/.test(fence.info)) continue
    text += source.slice(done, line.from) + content.replace(/\{([^{}]*)\}/, '{{$1}}')
    done = line.to
  }
  return text + source.slice(done)
}
