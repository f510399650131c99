/** Projects and documents. */

import type {
  DocumentInfo,
  moveDocumentSchema,
  newDocumentSchema,
  newProjectSchema,
  Project,
} from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { type DocumentId, parseId } from '@meshbook/core/ids.ts'
import { cursorOf, pageOf, rowsOf } from '@meshbook/relay/serve/page.ts'
import type { InferOutput } from 'valibot'
import { authorOf } from '../history/authors.ts'
import type { Parts } from '../parts.ts'
import { json, param, type UserAsk } from './route.ts'

export async function listProjects({ store }: Parts, { who }: UserAsk<undefined>): Promise<object> {
  return { items: await store.query('listProjects', { org: who.org }) }
}

export async function createProject(
  { documents }: Parts,
  { who, body }: UserAsk<InferOutput<typeof newProjectSchema>>,
): Promise<Response> {
  const { project, created } = await documents.ensureProject(who.org, who.name, body.name)
  return json(project satisfies Project, created ? 201 : 200)
}

export async function listDocuments({ store, documents }: Parts, { who, query }: UserAsk<undefined>): Promise<object> {
  const path = query.get('path')
  if (path !== null) return { items: await at(store, who.org, path) }
  const { id: project } = await documents.project(who.org, parseId('project', query.get('project')))
  const { items, next } = await store.query('listDocuments', {
    org: who.org,
    project,
    after: cursorOf(query) ?? '',
    rows: rowsOf(query),
  })
  return pageOf(items, next)
}

async function at(store: Parts['store'], org: UserAsk<undefined>['who']['org'], text: string): Promise<DocumentInfo[]> {
  const [owner = '', project = '', ...rest] = text.normalize('NFC').split('/')
  const found = await store.query('findDocumentAt', { org, owner, project, path: rest.join('/') })
  return found ? [found] : []
}

export async function createDocument(
  { documents }: Parts,
  { who, body, request }: UserAsk<InferOutput<typeof newDocumentSchema>>,
): Promise<DocumentInfo> {
  const author = authorOf(who, request.headers.get('user-agent') ?? '')
  return documents.create(who.org, body.project, body.path, body.content ?? '', author)
}

export async function getDocument({ store }: Parts, ask: UserAsk<unknown>): Promise<DocumentInfo> {
  const id = idOf(ask)
  const found = await store.query('findDocument', { org: ask.who.org, id })
  if (!found) throw new MeshError('NOT_FOUND', { detail: `document ${id}` })
  return found
}

export async function getContent(parts: Parts, ask: UserAsk<undefined>): Promise<Response> {
  const { id } = await getDocument(parts, ask)
  return new Response(await parts.documents.content(ask.who.org, id), {
    headers: { 'content-type': 'text/markdown; charset=utf-8' },
  })
}

export async function moveDocument(
  parts: Parts,
  ask: UserAsk<InferOutput<typeof moveDocumentSchema>>,
): Promise<DocumentInfo> {
  const { id, project } = await getDocument(parts, ask)
  return parts.documents.move(ask.who.org, project, id, ask.body.path)
}

export async function deleteDocument(parts: Parts, ask: UserAsk<undefined>): Promise<void> {
  const { id, project } = await getDocument(parts, ask)
  await parts.documents.remove(ask.who.org, project, id)
}

function idOf(ask: UserAsk<unknown>): DocumentId {
  return parseId('document', param(ask, 'id'))
}
