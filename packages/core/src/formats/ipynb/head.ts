/**
 * The front matter of a document that is, or becomes, a notebook file (FM30–FM35): the file's metadata line by line under
 * `jupyter:`, and under `ipynb:` how the file was laid out, where Jupyter would not have done it so.
 */
import { parseDocument } from 'yaml'
import type { AssetId } from '../../ids.ts'
import { isAssetId } from '../../ids.ts'
import { canonicalLanguage, isRunnable } from '../../languages.ts'
import { limits } from '../../limits.ts'
import { findFrontMatter, readFrontMatter } from '../../notebook/front-matter.ts'
import type { AssetTable } from '../assets.ts'
import { inlineJson, type Json, JsonNumber, JsonObject, jsonObject, parseJson, writeJson } from './json-text.ts'

export interface Head {
  /** With the lines `---`; empty if there is none. */
  text: string
  /** The lines between them that are not ours. */
  rest: string
  /** Undefined where the front matter does not say it. */
  metadata: JsonObject | undefined
  file: JsonObject
  language: string | undefined
}

export function readHead(text: string, assets: AssetTable): Head {
  const found = findFrontMatter(text)
  if (!found) return { text: '', rest: '', metadata: undefined, file: new JsonObject(), language: undefined }
  const { kernelspec } = readFrontMatter(found.yaml)
  const own = ownLines(found.yaml)
  const file = own.file ?? new JsonObject()
  const shown = own.metadata ?? edited(found.yaml)
  const metadata = shown && withAside(shown, file.get('aside'), assets)
  const named = kernelspec && canonicalLanguage(kernelspec.language ?? kernelspec.name)
  const language = languageIn(metadata) ?? (kernelspec?.language || (named && isRunnable(named)) ? named : undefined)
  return { text: text.slice(0, found.to), rest: own.rest, metadata, file, language }
}

/** What `headText` wrote, and what else there is. */
function ownLines(yaml: string): { metadata?: JsonObject; file?: JsonObject; rest: string } {
  const rest: string[] = []
  const entries: [string, Json][] = []
  let metadata: JsonObject | undefined
  let file: JsonObject | undefined
  const lines = yaml.split(/(?<=\n)/)
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!
    const inline = /^(jupyter|ipynb): (\{.*\})\n$/.exec(line)
    const value = inline && jsonIn(inline[2]!)
    if (value instanceof JsonObject && inline?.[1] === 'ipynb') file = value
    else if (value instanceof JsonObject && value.keys.length === 0) metadata = value
    else if (line === 'jupyter:\n') {
      let next = i + 1
      for (; next < lines.length && lines[next]!.startsWith('  '); next++) {
        const entry = entryIn(lines[next]!)
        if (!entry) return { rest: yaml }
        entries.push(entry)
      }
      metadata = new JsonObject(entries)
      i = next - 1
    } else rest.push(line)
  }
  return { ...(metadata && { metadata }), ...(file && { file }), rest: rest.join('') }
}

function entryIn(line: string): [string, Json] | undefined {
  const match = /^ {2}(?:([A-Za-z_][\w-]*)|("(?:[^"\\]|\\.)*")): (.+)\n$/.exec(line)
  const key = match?.[1] ?? (match?.[2] === undefined ? undefined : jsonIn(match[2]))
  const value = match && jsonIn(match[3]!)
  return typeof key !== 'string' || value === undefined ? undefined : [key, value!]
}

function jsonIn(text: string): Json | undefined {
  try {
    return parseJson(text)
  } catch {
    // YAML in another form, which `edited` reads.
    return undefined
  }
}

/** `jupyter:` as a person or another program wrote it. */
function edited(yaml: string): JsonObject | undefined {
  if (yaml.length > limits.frontMatterBytes || !/^jupyter:/m.test(yaml)) return undefined
  try {
    const value: unknown = parseDocument(yaml, { uniqueKeys: false, prettyErrors: false, logLevel: 'silent' }).toJS({
      maxAliasCount: limits.frontMatterAliases,
    })
    const jupyter = typeof value === 'object' && value !== null && (value as Record<string, unknown>).jupyter
    const json = fromJs(jupyter, 0)
    return json instanceof JsonObject && json.get('kernelspec') instanceof JsonObject ? json : undefined
  } catch {
    // The document itself says that its front matter cannot be read.
    return undefined
  }
}

function fromJs(value: unknown, depth: number): Json {
  if (typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') return new JsonNumber(String(value))
  if (typeof value !== 'object' || value === null || depth > 16) return null
  if (Array.isArray(value)) return value.map(item => fromJs(item, depth + 1))
  return new JsonObject(Object.entries(value).map(([key, item]) => [key, fromJs(item, depth + 1)]))
}

function withAside(shown: JsonObject, aside: Json | undefined, assets: AssetTable): JsonObject {
  const id = typeof aside === 'string' && aside.startsWith('asset:') ? aside.slice(6) : undefined
  const bytes = isAssetId(id) ? assets.get(id as AssetId) : undefined
  const whole = bytes && jsonIn(new TextDecoder().decode(bytes))
  if (!(whole instanceof JsonObject)) return shown
  return new JsonObject(whole.entries.map(([key, value]) => [key, shown.get(key) ?? value]))
}

/** The language of a notebook's code by its metadata, in our words. */
export function languageIn(metadata: JsonObject | undefined): string | undefined {
  const names = [
    ['kernelspec', 'language'],
    ['language_info', 'name'],
    ['kernelspec', 'name'],
  ] as const
  for (const [field, key] of names) {
    const value = metadata?.get(field)
    const name = value instanceof JsonObject ? value.get(key) : undefined
    if (typeof name !== 'string') continue
    const language = canonicalLanguage(name)
    if (
      /^[a-z][a-z0-9_+#.-]{0,39}$/.test(language) &&
      (key !== 'name' || field === 'language_info' || isRunnable(name))
    )
      return language
  }
  return undefined
}

const kernels: Record<string, readonly [name: string, shown: string]> = {
  python: ['python3', 'Python 3'],
  r: ['ir', 'R'],
  julia: ['julia', 'Julia'],
  bash: ['bash', 'Bash'],
  javascript: ['javascript', 'JavaScript'],
  typescript: ['deno', 'Deno'],
}

/** For a document that says nothing but its language. */
export function metadataFor(language: string): JsonObject {
  const [name, shown] = kernels[language] ?? [language, language]
  const kernelspec = jsonObject({ display_name: shown, language: language === 'r' ? 'R' : language, name })
  return jsonObject({ kernelspec, language_info: jsonObject({ name: language === 'r' ? 'R' : language }) })
}

const headChars = 8_000

/** Front matter that says this; what is too long for it becomes an asset. */
export function headText(metadata: JsonObject, file: JsonObject, rest: string, assets: AssetTable): string {
  const lines = metadataLines(metadata)
  if (lines.length <= headChars && !metadata.keys.some(key => key.length > 200)) return joinedHead(rest, lines, file)
  const asset = assets.put(
    new TextEncoder().encode(writeJson(metadata, { indent: null, end: '', ascii: false, crlf: false })),
  )
  const shown = new JsonObject(
    metadata.entries.filter(
      ([key, value]) => /^(?:kernelspec|language_info)$/.test(key) && inlineJson(value).length < 2_000,
    ),
  )
  return joinedHead(rest, metadataLines(shown), file.withSorted('aside', `asset:${asset}`))
}

function joinedHead(rest: string, lines: string, file: JsonObject): string {
  const ipynb = file.keys.length > 0 ? `ipynb: ${inlineJson(file)}\n` : ''
  return `---\n${rest}${rest === '' || rest.endsWith('\n') ? '' : '\n'}${lines}${ipynb}---\n`
}

function metadataLines(metadata: JsonObject): string {
  if (metadata.keys.length === 0) return 'jupyter: {}\n'
  const entries = metadata.entries.map(([key, value]) => `  ${keyText(key)}: ${inlineJson(value)}\n`)
  return `jupyter:\n${entries.join('')}`
}

function keyText(key: string): string {
  const plain = /^[A-Za-z_][\w-]*$/.test(key) && !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(key)
  return plain ? key : inlineJson(key)
}
