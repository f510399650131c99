/**
 * What the events of a runtime come to, whatever its dialect (MK3, MK4): events of the kernel protocol, and one end.
 * Pure; the bytes behind an asset are somebody else's to fetch.
 */
import type { KernelError, KernelEvent, KernelPart, TextKind } from '../wire/run-log.ts'
import type { StreamEvent } from './event-stream.ts'

export type Told =
  | { tell: 'text'; kind: TextKind; text: string }
  | { tell: 'event'; event: KernelEvent }
  | { tell: 'question'; prompt: string; password: boolean }
  | { tell: 'asset'; path: string; mimeType: string }

export type Ending = { type: 'completed' } | { type: 'failed'; error: KernelError }

type Fields = Record<string, unknown>

export class RunReader {
  /** The name that the runtime has for this run. */
  id: string
  /** How the run ended, once that was said. */
  ending: Ending | undefined
  /** Nothing more comes. */
  isDone = false
  #text: Record<TextKind, { length: number }> = { stdout: { length: 0 }, stderr: { length: 0 } }
  #hasShown = false

  constructor(id: string) {
    this.id = id
  }

  read({ event, data, cut }: StreamEvent): Told[] {
    if (cut) return this.#readCut(event, data)
    const fields = fieldsOf(data)
    this.#learnId(fields)
    switch (event) {
      case 'stdout':
      case 'stderr':
        return this.#readText(event, fields)
      case 'display':
        this.#hasShown = true
        return shown(fields)
      case 'asset':
        this.#hasShown = true
        return assetOf(fields)
      case 'stdin_request':
        return [{ tell: 'question', prompt: textOf(fields.prompt), password: fields.password === true }]
      case 'result':
        return this.#readResult(fields)
      case 'error':
        this.ending = { type: 'failed', error: errorOf(fields) }
        return []
      case 'done':
        this.ending ??= { type: 'completed' }
        this.isDone = true
        return []
      default:
        return []
    }
  }

  #learnId(fields: Fields): void {
    const id = fields.execId ?? fields.exec_id
    if (typeof id === 'string' && id !== '') this.id = id.slice(0, 200)
  }

  #readText(kind: TextKind, { content, accumulated }: Fields): Told[] {
    const before = this.#text[kind].length
    const text = typeof content === 'string' ? content : textOf(accumulated).slice(before)
    return this.#addText(kind, text)
  }

  #addText(kind: TextKind, text: string): Told[] {
    this.#text[kind].length += text.length
    return text === '' ? [] : [{ tell: 'text', kind, text }]
  }

  /** `accumulated` makes an event as long as all text before it; what is new stands in front of it. */
  #readCut(event: string, data: string): Told[] {
    if (event === 'stdout' || event === 'stderr') {
      const content = contentAtStart(data)
      if (content !== undefined) return this.#addText(event, content)
    }
    const note = `\n[A ${event} of the runtime was left out: it is larger than allowed.]\n`
    if (event === 'error') this.ending = { type: 'failed', error: errorOf({}) }
    if (event === 'result')
      this.ending = /^\s*\{\s*"success"\s*:\s*false/.test(data)
        ? { type: 'failed', error: errorOf({}) }
        : { type: 'completed' }
    return [{ tell: 'text', kind: 'stderr', text: note }]
  }

  #readResult(fields: Fields): Told[] {
    const missed = (kind: TextKind) => (this.#text[kind].length === 0 ? this.#addText(kind, textOf(fields[kind])) : [])
    const told = [...missed('stdout'), ...missed('stderr')]
    if (!this.#hasShown) {
      told.push(...listOf(fields.displayData).flatMap(shown))
      told.push(...listOf(fields.assets).flatMap(assetOf))
    }
    if (fields.success === false) {
      this.ending = { type: 'failed', error: errorOf(isFields(fields.error) ? fields.error : {}) }
      return told
    }
    const parts = resultParts(fields.result)
    if (parts.length > 0) told.push({ tell: 'event', event: { type: 'result', parts } })
    this.ending = { type: 'completed' }
    return told
  }
}

function shown(fields: Fields): Told[] {
  const parts = isFields(fields.data) ? bundleParts(fields.data) : onePart(fields)
  if (parts.length === 0) return assetOf(fields)
  const named =
    typeof fields.id === 'string' ? { id: fields.id, ...(fields.update === true ? { update: true } : {}) } : {}
  return [{ tell: 'event', event: { type: 'display', ...named, parts } }]
}

function onePart({ mimeType, data }: Fields): KernelPart[] {
  return typeof mimeType === 'string' && typeof data === 'string' ? [partOf(mimeType, data)] : []
}

function assetOf({ path, assetId, mimeType }: Fields): Told[] {
  const name = textOf(path ?? assetId)
  return name === '' ? [] : [{ tell: 'asset', path: name, mimeType: textOf(mimeType) || 'application/octet-stream' }]
}

function resultParts(result: unknown): KernelPart[] {
  if (typeof result === 'string') return [{ mimeType: 'text/plain', data: result }]
  if (result === null || result === undefined) return []
  if (!isFields(result)) return [{ mimeType: 'text/plain', data: JSON.stringify(result) }]
  const bundle = isFields(result.data) ? result.data : result
  const parts = Object.keys(bundle).every(type => type.includes('/')) ? bundleParts(bundle) : []
  return parts.length > 0 ? parts : [{ mimeType: 'text/plain', data: JSON.stringify(result) }]
}

/** A representation for each type, the plainest last. */
function bundleParts(bundle: Fields): KernelPart[] {
  const parts = Object.entries(bundle).flatMap(([mimeType, data]) => {
    const text = typeof data === 'string' ? data : Array.isArray(data) ? data.join('') : JSON.stringify(data)
    return text === undefined ? [] : [partOf(mimeType, text)]
  })
  return parts.sort((a, b) => Number(a.mimeType === 'text/plain') - Number(b.mimeType === 'text/plain'))
}

export function partOf(mimeType: string, data: string): KernelPart {
  const isBinary = /^(?:image|audio|video)\/(?!svg)|^application\/(?:pdf|octet-stream)/.test(mimeType)
  return isBinary ? { mimeType, data, base64: true } : { mimeType, data }
}

function errorOf(fields: Fields): KernelError {
  const { traceback } = fields
  const lines = typeof traceback === 'string' ? traceback.split('\n') : listed(traceback).map(textOf)
  return {
    name: textOf(fields.type ?? fields.name ?? fields.ename) || 'Error',
    message: textOf(fields.message ?? fields.evalue ?? fields.error) || 'The runtime said no more.',
    traceback: lines,
  }
}

function fieldsOf(data: string): Fields {
  try {
    const value: unknown = JSON.parse(data)
    return isFields(value) ? value : {}
  } catch {
    return {}
  }
}

/** The value of a leading `"content": "…"` in JSON that breaks off somewhere behind it. */
export function contentAtStart(json: string): string | undefined {
  const begin = /^\s*\{\s*"content"\s*:\s*"/.exec(json)
  if (!begin) return undefined
  const from = begin[0].length - 1
  for (let at = from + 1; at < json.length; at++) {
    if (json[at] === '\\') at++
    else if (json[at] === '"') return JSON.parse(json.slice(from, at + 1)) as string
  }
  return undefined
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const listed = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
const listOf = (value: unknown): Fields[] => listed(value).filter(isFields)
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
