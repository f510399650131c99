/**
 * Texts of versions as they are stored: whole or as the difference from another text, deflated. Knows no database. A
 * text is named by its hash, and what is read back is checked against it.
 */
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { deflateRaw, inflateRaw } from 'node:zlib'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { applyEdits, type Edit } from '@meshbook/core/notebook/edits.ts'
import { editsBetween } from '@meshbook/core/text/edits.ts'

const deflate = promisify(deflateRaw)
const inflate = promisify(inflateRaw)

export interface StoredText {
  hash: string
  /** Hash of the text that this is a difference from; null for a whole one. */
  base: string | null
  /** Differences between this and the whole text that it stands on. */
  depth: number
  data: Uint8Array
}

export interface KnownText {
  hash: string
  depth: number
  text: string
}

export function hashText(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}

/** The text in its smallest form. */
export async function storeText(text: string, base: KnownText | undefined): Promise<StoredText> {
  const hash = hashText(text)
  const difference = base && base.depth < limits.historyChainDepth ? differenceOf(base.text, text) : undefined
  // A difference half as long as the text saves too little to be worth the chain.
  if (difference === undefined || difference.length * 2 > text.length + 64)
    return { hash, base: null, depth: 0, data: await deflate(Buffer.from(text)) }
  return { hash, base: base!.hash, depth: base!.depth + 1, data: await deflate(Buffer.from(difference)) }
}

type PlainEdit = [at: number, remove: number, insert: string]

function differenceOf(base: string, text: string): string | undefined {
  const edits = editsBetween(base, text)
  if (applyEdits(base, edits) !== text) return undefined
  return JSON.stringify(edits.map(({ at, remove, insert }): PlainEdit => [at, remove, insert]))
}

/** The text at the end of a chain that begins with a whole one. */
export async function readText(chain: readonly StoredText[]): Promise<string> {
  let text = ''
  for (const { base, data } of chain) {
    const content = await inflateText(data)
    text = base === null ? content : applyEdits(text, editsOf(content))
  }
  const wanted = chain.at(-1)?.hash
  if (wanted === undefined || hashText(text) !== wanted)
    throw new MeshError('STORAGE_FAILED', { detail: 'the text of a version is not what was stored' })
  return text
}

async function inflateText(data: Uint8Array): Promise<string> {
  // A difference in JSON can be longer than the text it makes: every character of it may be escaped.
  const inflated = await inflate(data, { maxOutputLength: 6 * limits.documentBytes })
  return inflated.toString('utf8')
}

function editsOf(json: string): Edit[] {
  return (JSON.parse(json) as PlainEdit[]).map(([at, remove, insert]) => ({ at, remove, insert }))
}
