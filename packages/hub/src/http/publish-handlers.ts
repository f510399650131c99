/** Publishing documents: by owners of their project, for everybody. */

import { parseId } from '@meshbook/core/ids.ts'
import type { Publication, PublicationState, PublishRequest } from '@meshbook/core/publish-api.ts'
import type { DocumentKey } from '@meshbook/relay/store/document-store.ts'
import { authorOf } from '../history/authors.ts'
import type { Parts } from '../parts.ts'
import { shownPublication } from '../publish/publications.ts'
import { param, placeOf, type UserAsk } from './route.ts'

export async function listPublications(parts: Parts, ask: UserAsk<undefined>): Promise<{ items: Publication[] }> {
  const project = parseId('project', ask.query.get('project'))
  const { org } = await parts.access.demand(ask.who, { kind: 'project', id: project }, 'read')
  const rows = await parts.publications.list(org, project)
  return { items: rows.map(row => shownPublication(row, originOf(parts, ask))) }
}

export async function getPublication(parts: Parts, ask: UserAsk<undefined>): Promise<PublicationState> {
  const row = await parts.publications.find(keyOf(ask))
  return { publication: row && shownPublication(row, originOf(parts, ask)) }
}

export async function publish(parts: Parts, ask: UserAsk<PublishRequest>): Promise<Publication> {
  const author = authorOf(ask.who, ask.request.headers.get('user-agent') ?? '')
  const by = { author, source: ask, name: ask.who.name }
  return shownPublication(await parts.publications.publish(keyOf(ask), ask.body, by), originOf(parts, ask))
}

export async function unpublish(parts: Parts, ask: UserAsk<undefined>): Promise<void> {
  await parts.publications.unpublish(keyOf(ask), ask)
}

function keyOf(ask: UserAsk<unknown>): DocumentKey {
  return { org: placeOf(ask).org, document: parseId('document', param(ask, 'id')) }
}

function originOf({ config }: Parts, { visit }: UserAsk<unknown>): string {
  return config.publishUrl ?? config.publicUrl ?? visit.origin
}
