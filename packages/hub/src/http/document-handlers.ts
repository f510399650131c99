/** Projects and documents. */

import type {
  DocumentInfo,
  moveDocumentSchema,
  newDocumentSchema,
  newProjectSchema,
  Project,
} from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { type DocumentId, type ProjectId, parseId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { tidyRoles } from '@meshbook/core/roles.ts'
import { readMarkdown } from '@meshbook/relay/serve/body.ts'
import { cursorOf, pageOf, rowsOf } from '@meshbook/relay/serve/page.ts'
import type { InferOutput } from 'valibot'
import type { Principal } from '../auth/principal.ts'
import { authorOf } from '../history/authors.ts'
import type { Parts } from '../parts.ts'
import { json, param, placeOf, type UserAsk } from './route.ts'

/** One's own, then those that are shared, with the roles there. */
export async function listProjects({ store, access }: Parts, { who }: UserAsk<undefined>): Promise<object> {
  const own = await store.query('listProjects', { org: who.org })
  const memberships = await access.memberships(who)
  const shared = await store.query('sharedProjects', { projects: memberships.map(({ project }) => project) })
  const rolesOf = new Map(memberships.map(({ project, roles }) => [project, tidyRoles(roles)]))
  return { items: [...own, ...shared.map(project => ({ ...project, roles: rolesOf.get(project.id) ?? [] }))] }
}

export async function createProject(
  { documents, events }: Parts,
  { who, body: { name, made } }: UserAsk<InferOutput<typeof newProjectSchema>>,
): Promise<Response> {
  const { project, created } = made
    ? await documents.adoptProject(who.org, who.name, { ...made, name })
    : await documents.ensureProject(who.org, who.name, name)
  if (created) events.publish(who.org, { type: 'projects' })
  return json(project satisfies Project, created ? 201 : 200)
}

export async function listDocuments(parts: Parts, { who, query }: UserAsk<undefined>): Promise<object> {
  const path = query.get('path')
  if (path !== null) return { items: await at(parts, who, path) }
  const rows = rowsOf(query)
  if (query.get('project') === null) return { items: await firstOfEach(parts, who, rows) }
  const project = parseId('project', query.get('project'))
  const { items, next } = await pageOfProject(parts, who, project, { after: cursorOf(query) ?? '', rows })
  return pageOf(items, next)
}

/** Of every project that one may read the first page, so that a first list needs one answer. */
async function firstOfEach(parts: Parts, who: Principal, rows: number): Promise<DocumentInfo[]> {
  const own = await parts.store.query('listProjects', { org: who.org })
  const shared = await parts.access.memberships(who)
  const projects = [...own.map(({ id }) => id), ...shared.map(({ project }) => project)]
  const pages = await Promise.all(projects.map(project => pageOfProject(parts, who, project, { after: '', rows })))
  return pages.flatMap(({ items }) => items)
}

async function pageOfProject(
  { access, store }: Parts,
  who: Principal,
  project: ProjectId,
  page: { after: string; rows: number },
): Promise<{ items: DocumentInfo[]; next: string | null }> {
  const { org } = await access.demand(who, { kind: 'project', id: project }, 'read')
  return store.query('listDocuments', { org, project, ...page })
}

/** The owner's name leads to shared projects too (ME5). */
async function at({ store, access }: Parts, who: Principal, text: string): Promise<DocumentInfo[]> {
  const [owner = '', name = '', ...rest] = text.normalize('NFC').split('/')
  const project = await store.query('findProjectNamed', { owner, name })
  const place = project && (await access.find(who, { kind: 'project', id: project.id }))
  if (!place?.rights.has('read')) return []
  const found = await store.query('findDocumentAt', { org: place.org, owner, project: name, path: rest.join('/') })
  return found ? [found] : []
}

export async function createDocument(
  { documents }: Parts,
  ask: UserAsk<InferOutput<typeof newDocumentSchema>>,
): Promise<DocumentInfo> {
  const { who, body, request } = ask
  const author = authorOf(who, request.headers.get('user-agent') ?? '')
  return documents.create(placeOf(ask).org, body.project, body.path, body.content ?? '', author)
}

/** A whole text at a path: a new document, or a change of the one there (FM52). */
export async function putDocument(parts: Parts, ask: UserAsk<undefined>): Promise<Response> {
  const { who, request, query } = ask
  const { documents, history } = parts
  const [path, project, { org }] = [query.get('path') ?? '', parseId('project', param(ask, 'id')), placeOf(ask)]
  const author = authorOf(who, request.headers.get('user-agent') ?? '')
  const text = await readMarkdown(request, limits.documentBytes)
  const there = await documents.at(org, project, path)
  if (there === undefined) return json(await documents.create(org, project, path, text, author), 201)
  if (query.get('replace') !== 'yes') throw new MeshError('WOULD_OVERWRITE', { detail: path })
  await history.rewrite({ org, document: there }, author, text)
  return json(await parts.store.query('findDocument', { org, id: there }))
}

export async function getDocument({ store }: Parts, ask: UserAsk<unknown>): Promise<DocumentInfo> {
  const id = idOf(ask)
  const found = await store.query('findDocument', { org: placeOf(ask).org, id })
  if (!found) throw new MeshError('NOT_FOUND', { detail: `document ${id}` })
  return found
}

export async function getContent(parts: Parts, ask: UserAsk<undefined>): Promise<Response> {
  const { id } = await getDocument(parts, ask)
  return new Response(await parts.documents.content(placeOf(ask).org, id), {
    headers: { 'content-type': 'text/markdown; charset=utf-8' },
  })
}

export async function moveDocument(
  parts: Parts,
  ask: UserAsk<InferOutput<typeof moveDocumentSchema>>,
): Promise<DocumentInfo> {
  const { id, project } = await getDocument(parts, ask)
  return parts.documents.move(placeOf(ask).org, project, id, ask.body.path)
}

export async function deleteDocument(parts: Parts, ask: UserAsk<undefined>): Promise<void> {
  const { id, project } = await getDocument(parts, ask)
  await parts.documents.remove(placeOf(ask).org, project, id)
}

function idOf(ask: UserAsk<unknown>): DocumentId {
  return parseId('document', param(ask, 'id'))
}
