/**
 * The YAML at the top of a notebook: where it stands and what Meshbook reads of it. Everything else in it is the
 * user's and stays as it is. Broken YAML is reported, never thrown.
 */
import { parseDocument } from 'yaml'
import { limits } from '../limits.ts'
import type { Failover, RunRequest } from '../messages.ts'
import { contentOf, LineReader } from './lines.ts'

export interface FrontMatter {
  title?: string
  /** What a published page says of the document besides its title, as its author wrote it. */
  description?: string
  authors?: string[]
  date?: string
  /** Of its prose, as a language tag (`en`, `pt-BR`). */
  lang?: string
  kernelspec?: { name: string; language?: string }
  /** Name of the session that the notebook's cells share. */
  session?: string
  /** Name or id of the device that its cells run on. */
  runsOn?: string
  /** What a device must have, for example `gpu`. */
  requires: string[]
  /** Whether a cell that fails ends a list of runs; it does if this is not said. */
  stopOnError?: boolean
  /** How long one run may take. */
  timeoutMs?: number
  /** What a run does while the device that has its session does not answer. */
  failover?: Failover
  /** What becomes of a run whose device is lost in its middle. */
  onLoss?: NonNullable<RunRequest['onLoss']>
  /** Why the YAML could not be read, in words for a person; the other fields are then empty. */
  problem?: string
}

/** Where the front matter of a text ends, and its YAML; undefined if the text does not begin with closed front matter. */
export function findFrontMatter(text: string): { to: number; yaml: string } | undefined {
  const lines = new LineReader(text)
  const first = lines.next()
  if (!first || !/^\ufeff?---[ \t]*$/.test(contentOf(text, first))) return undefined
  for (let line = lines.next(); line; line = lines.next()) {
    if (/^(?:---|\.\.\.)[ \t]*$/.test(contentOf(text, line)))
      return { to: line.next, yaml: text.slice(first.next, line.from) }
  }
  return undefined
}

export function readFrontMatter(yaml: string): FrontMatter {
  if (yaml.length > limits.frontMatterBytes) return problem(`it is longer than ${limits.frontMatterBytes} characters`)
  try {
    const document = parseDocument(yaml, { uniqueKeys: false, prettyErrors: false, logLevel: 'silent' })
    const error = document.errors[0]
    if (error) return problem(error.message)
    return fieldsOf(document.toJS({ maxAliasCount: limits.frontMatterAliases }) ?? {})
  } catch (thrown) {
    // Too many aliases (a "billion laughs" text, S22), or nesting deeper than the stack.
    return problem(thrown instanceof Error ? thrown.message : String(thrown))
  }
}

function problem(reason: string): FrontMatter {
  return { requires: [], problem: `The front matter cannot be read: ${reason}` }
}

function fieldsOf(value: unknown): FrontMatter {
  if (!isRecord(value)) return problem('it is not a list of "key: value" lines')
  const mesh = isRecord(value.meshbook) ? value.meshbook : {}
  const title = textOf(value.title)
  const session = textOf(value.session)
  const runsOn = textOf(mesh['runs-on'])
  const timeoutMs = durationOf(textOf(mesh.timeout))
  const kernelspec = kernelspecOf(value.kernelspec ?? value.jupyter)
  const failover = failoverOf(mesh.failover)
  const onLoss = onLossOf(mesh)
  return {
    ...(title !== undefined && { title }),
    ...aboutOf(value),
    ...(kernelspec && { kernelspec }),
    ...(session !== undefined && { session }),
    ...(runsOn !== undefined && { runsOn }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(failover !== undefined && { failover }),
    ...(onLoss !== undefined && { onLoss }),
    requires: textsOf(mesh.requires),
    ...(typeof mesh['stop-on-error'] === 'boolean' && { stopOnError: mesh['stop-on-error'] }),
  }
}

/** Quarto's and MyST's names for the same things. */
function aboutOf(value: Record<string, unknown>): Pick<FrontMatter, 'description' | 'authors' | 'date' | 'lang'> {
  const description = textOf(value.description) ?? textOf(value.subtitle) ?? textOf(value.abstract)
  const authors = [value.authors ?? value.author].flat().flatMap(one => textOf(isRecord(one) ? one.name : one) ?? [])
  const date = textOf(value.date instanceof Date ? value.date.toISOString().slice(0, 10) : value.date)
  const lang = textOf(value.lang)
  return {
    ...(description !== undefined && { description }),
    ...(authors.length > 0 && { authors }),
    ...(date !== undefined && { date }),
    ...(lang !== undefined && /^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}$/.test(lang) && { lang }),
  }
}

/** Jupyter's record, MyST's and Quarto's plain name (`jupyter: python3`), or Quarto's `jupyter: {kernelspec: …}`. */
function kernelspecOf(value: unknown): FrontMatter['kernelspec'] {
  const name = textOf(value)
  if (name !== undefined) return { name }
  if (!isRecord(value)) return undefined
  if (isRecord(value.kernelspec)) return kernelspecOf(value.kernelspec)
  const named = textOf(value.name)
  const language = textOf(value.language)
  if (named === undefined) return undefined
  return { name: named, ...(language !== undefined && { language }) }
}

const unitMs: Record<string, number> = { '': 1000, s: 1000, m: 60_000, h: 3_600_000, d: 24 * 3_600_000 }

/** `90`, `90 s`, `10m`, `1.5h`; a number alone counts seconds. */
export function durationOf(text: string | undefined): number | undefined {
  const [, number, unit = ''] = /^(\d{1,9}(?:\.\d{1,3})?)\s*([smhd]?)$/.exec(text ?? '') ?? []
  const ms = Math.round(Number(number) * unitMs[unit]!)
  return ms > 0 ? ms : undefined
}

/** `wait`, `elsewhere` (at once), `elsewhere-after 10s`, or YAML's `elsewhere-after: 10s`. */
/** `wait`, `elsewhere` (at once), `elsewhere-after 10s`, or `{elsewhere-after: 10s}`. */
export function failoverOf(value: unknown): Failover | undefined {
  const after = isRecord(value) ? textOf(value['elsewhere-after']) : undefined
  const text = after === undefined ? textOf(value) : `elsewhere-after ${after}`
  if (text === 'wait') return 'wait'
  const [, at, given] = /^(elsewhere)$|^elsewhere-after:?\s+(\S.*)$/.exec(text ?? '') ?? []
  const ms = at === undefined ? durationOf(given) : 0
  if (at === undefined && /^0+s?$/.test(given ?? '')) return { elsewhereAfterMs: 0 }
  return ms === undefined || ms > limits.elsewhereAfterMs ? undefined : { elsewhereAfterMs: ms }
}

/** `on-loss` says it outright; `retry: elsewhere` is another word for beginning again there. */
function onLossOf(mesh: Record<string, unknown>): FrontMatter['onLoss'] {
  const said = mesh['on-loss']
  if (said === 'interrupt' || said === 'resume' || said === 'again') return said
  return mesh.retry === 'elsewhere' ? 'again' : undefined
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined
}

function textsOf(value: unknown): string[] {
  const list = Array.isArray(value) ? value : [value]
  return list.map(textOf).filter(text => text !== undefined)
}
