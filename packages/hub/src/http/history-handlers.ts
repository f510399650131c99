/** Versions of documents: lists and texts for readers; naming, restoring, undo and redo for writers. */
import type { newVersionSchema, Renewed, restoreSchema, undoSchema, Version } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { parseId } from '@meshbook/core/ids.ts'
import { cursorOf, pageOf, rowsOf } from '@meshbook/relay/serve/page.ts'
import type { VersionRow } from '@meshbook/relay/store/history-procedures.ts'
import type { InferOutput } from 'valibot'
import { authorOf } from '../history/authors.ts'
import { type Recalled, shownVersion } from '../history/history.ts'
import type { Parts } from '../parts.ts'
import { param, placeOf, type UserAsk } from './route.ts'

export async function listVersions(parts: Parts, ask: UserAsk<undefined>): Promise<object> {
  const { key } = await recalled(parts, ask)
  const cursor = cursorOf(ask.query)
  const rows = rowsOf(ask.query)
  const found = await parts.history.list(key, cursor === null ? null : wholeNumber('cursor', cursor), rows + 1)
  const items = found.slice(0, rows).map(row => shown(row, ask))
  return pageOf(items, found.length > rows ? items.at(-1)!.version : null)
}

export async function getVersionText(parts: Parts, ask: UserAsk<undefined>): Promise<Response> {
  const { key } = await recalled(parts, ask)
  const text = await parts.history.text(key, wholeNumber('version', param(ask, 'version')))
  return new Response(text, { headers: { 'content-type': 'text/markdown; charset=utf-8' } })
}

export async function recordVersion(
  parts: Parts,
  ask: UserAsk<InferOutput<typeof newVersionSchema>>,
): Promise<Version | undefined> {
  const { key } = await recalled(parts, ask)
  const row = await parts.history.record(key, author(ask), ask.body.name)
  return row ? shown(row, ask) : undefined
}

export async function restoreVersion(parts: Parts, ask: UserAsk<InferOutput<typeof restoreSchema>>): Promise<Version> {
  return shown(await parts.history.restore(await recalled(parts, ask), author(ask), ask.body), ask)
}

export async function renewDocument(parts: Parts, ask: UserAsk<undefined>): Promise<Renewed> {
  const { key, path } = await recalled(parts, ask)
  if (path === null) throw new MeshError('NOT_FOUND', { detail: `document ${key.document} is deleted` })
  const renewed = await parts.history.renew(key)
  const detail = { epoch: renewed.epoch }
  const note = parts.audit.note('document-renewed', ask, { org: key.org, target: key.document, detail })
  await parts.store.call('noteAudit', { org: key.org, note })
  return renewed
}

export async function turnBack(
  parts: Parts,
  ask: UserAsk<InferOutput<typeof undoSchema>>,
  kind: 'undo' | 'redo',
): Promise<Version> {
  const { key, path } = await recalled(parts, ask)
  if (path === null) throw new MeshError('NOT_FOUND', { detail: `document ${key.document} is deleted` })
  return shown(await parts.history.turnBack(key, author(ask), kind, ask.body), ask)
}

/** The document of the path, also a deleted one (HI24). */
async function recalled({ store }: Parts, ask: UserAsk<unknown>): Promise<Recalled> {
  const { org } = placeOf(ask)
  const document = parseId('document', param(ask, 'id'))
  const found = await store.query('findDocumentEver', { org, id: document })
  if (!found) throw new MeshError('NOT_FOUND', { detail: `document ${document}` })
  return { key: { org, document }, ...found }
}

function author({ who, request }: UserAsk<unknown>) {
  return authorOf(who, request.headers.get('user-agent') ?? '')
}

function shown(row: VersionRow, ask: UserAsk<unknown>): Version {
  return shownVersion(row, author(ask).id)
}

function wholeNumber(what: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new MeshError('BAD_REQUEST', { detail: `${what}: expected a whole number` })
}
