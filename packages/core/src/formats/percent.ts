/**
 * Scripts with `# %%` lines, as Spyder, VS Code and jupytext write them (FM42): text in comments, magics commented out,
 * metadata as `key=json` or as one JSON object. The front matter stands in a commented block at the top.
 */
import { canonicalLanguage, commentOf } from '../languages.ts'
import { findFrontMatter } from '../notebook/front-matter.ts'
import { inlineJson, type Json, JsonObject, parseJson } from './ipynb/json-text.ts'
import { documentOf, type PlainCell, plainCellsOf } from './plain-cells.ts'

const extensions: Record<string, string> = {
  python: 'py',
  r: 'R',
  julia: 'jl',
  javascript: 'js',
  typescript: 'ts',
  bash: 'sh',
}
export const scriptExtension = (language: string): string => extensions[language] ?? 'txt'
/** The language of a script by its name. */
export function scriptLanguage(path: string): string | undefined {
  const extension = /\.(\w+)$/.exec(path)?.[1]?.toLowerCase()
  return Object.keys(extensions).find(language => extensions[language]!.toLowerCase() === extension)
}

export function toPercent(markdown: string): { text: string; language: string } {
  const { head, language, cells } = plainCellsOf(markdown)
  const mark = commentOf(language)
  const top = head.text === '' ? [] : [commented(head.text.replace(/\n$/, ''), mark)]
  return { text: `${[...top, ...cells.map(cell => cellScript(cell, language, mark))].join('\n\n')}\n`, language }
}

function cellScript(cell: PlainCell, language: string, mark: string): string {
  const isOther = cell.type === 'code' && cell.language !== language
  const type = cell.type === 'code' ? '' : ` [${cell.type}]`
  const entries: (readonly [string, Json])[] = [...cell.metadata.entries]
  if (isOther) entries.push(['language', cell.language])
  const line = `${mark} %%${type}${entries.map(entry => ` ${keyValue(entry)}`).join('')}`
  if (cell.source === '' && cell.type === 'code') return line
  const code = cell.type === 'code' && !isOther
  return `${line}\n${code ? escapedCode(cell.source, mark) : commented(cell.source, mark)}`
}

function keyValue([key, value]: readonly [string, Json]): string {
  return `${/^[A-Za-z_][\w.-]*$/.test(key) ? key : inlineJson(key)}=${inlineJson(value)}`
}

function commented(text: string, mark: string): string {
  return text
    .split('\n')
    .map(line => (line === '' ? mark : `${mark} ${line}`))
    .join('\n')
}

function uncommented(text: string, mark: string): string {
  return text
    .split('\n')
    .map(line => (line.startsWith(`${mark} `) ? line.slice(mark.length + 1) : line === mark ? '' : line))
    .join('\n')
}

/** Lines that are no code of the language (magics) or that would begin a cell, also where they are commented already. */
const special = (mark: string): RegExp => new RegExp(`^(?:${mark} )*(?:%|![A-Za-z]|${mark} ?%%)`)

function escapedCode(source: string, mark: string): string {
  const pattern = special(mark)
  return source
    .split('\n')
    .map(line => (pattern.test(line) ? `${mark} ${line}` : line))
    .join('\n')
}

function plainCode(source: string, mark: string): string {
  const pattern = special(mark)
  return source
    .split('\n')
    .map(line => (line.startsWith(`${mark} `) && pattern.test(line) ? line.slice(mark.length + 1) : line))
    .join('\n')
}

/** A script as a document. One without `# %%` lines is one cell. */
export function fromPercent(script: string, language: string): string {
  const mark = commentOf(language)
  const text = script.replace(/^\ufeff/, '').replace(/\r\n?/g, '\n')
  const { head, body } = headOf(text, mark)
  const begin = new RegExp(`^${mark} ?%%(?!%)(.*)$`)
  const cells: { line: string; lines: string[] }[] = []
  for (const line of body.split('\n')) {
    const found = begin.exec(line)
    if (found) cells.push({ line: found[1]!, lines: [] })
    else if (cells.length > 0) cells.at(-1)!.lines.push(line)
    else if (line.trim() !== '') cells.push({ line: '', lines: [line] })
  }
  const plain = cells.map(({ line, lines }) => cellIn(line, lines.join('\n').replace(/\n+$/, ''), language, mark))
  return documentOf(head, plain, language)
}

function headOf(text: string, mark: string): { head: string; body: string } {
  if (!text.startsWith(`${mark} ---\n`)) return { head: '', body: text }
  const lines = text.split('\n')
  const end = lines.findIndex(line => line !== mark && !line.startsWith(`${mark} `))
  const block = uncommented(lines.slice(0, end < 0 ? lines.length : end).join('\n'), mark)
  const found = findFrontMatter(`${block}\n`)
  if (!found) return { head: '', body: text }
  const head = `${block}\n`.slice(0, found.to)
  return { head, body: lines.slice(head.split('\n').length - 1).join('\n') }
}

function cellIn(line: string, source: string, language: string, mark: string): PlainCell {
  const type = /\[(markdown|md|raw)\]/.exec(line)
  const metadata = metadataIn(line.replace(/\[(?:markdown|md|raw)\]/, ''))
  const own = metadata.get('language')
  const other = typeof own === 'string' && canonicalLanguage(own) !== language ? canonicalLanguage(own) : undefined
  if (!type && other === undefined) return { type: 'code', source: plainCode(source, mark), metadata, language }
  const text = uncommented(unquoted(source), mark)
  if (!type) return { type: 'code', source: text, metadata: metadata.without('language'), language: other! }
  return { type: type[1] === 'raw' ? 'raw' : 'markdown', source: text, metadata, language }
}

/** Text may stand in a string of Python too. */
function unquoted(source: string): string {
  const match = /^r?("""|''')\n?([\s\S]*?)\n?\1\s*$/.exec(source)
  return match && !match[2]!.includes(match[1]!) ? match[2]! : source
}

/** `title key="value" tags=["a"]`, or `title {"tags": ["a"]}`. What comes before is the title. */
function metadataIn(line: string): JsonObject {
  const whole = /^([^{]*?)\s*(\{.*\})\s*$/.exec(line)
  const object = whole && readValue(whole[2]!)
  if (object instanceof JsonObject && !/=\s*$/.test(whole![1]!)) return titled(whole![1]!, object.entries)
  const found = [...line.matchAll(/(?:^|\s)([A-Za-z_][\w.-]*|"(?:[^"\\]|\\.)*")=/g)]
  const entries = found.flatMap((match, i): [string, Json][] => {
    const key = match[1]!.startsWith('"') ? readValue(match[1]!) : match[1]
    const value = readValue(line.slice(match.index + match[0].length, found[i + 1]?.index ?? line.length).trim())
    return typeof key === 'string' && value !== undefined ? [[key, value]] : []
  })
  return titled(line.slice(0, found[0]?.index ?? line.length), entries)
}

function titled(title: string, entries: readonly (readonly [string, Json])[]): JsonObject {
  const name = title.trim()
  return new JsonObject(name === '' ? entries : [['title', name], ...entries])
}

function readValue(text: string): Json | undefined {
  try {
    return parseJson(text)
  } catch {
    // Not written by a program: it is part of the title.
    return undefined
  }
}
