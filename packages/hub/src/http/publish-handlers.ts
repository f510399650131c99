/** Publishing documents: by owners of their project, for everybody. */

import { Readable } from 'node:stream'
import { MeshError } from '@meshbook/core/errors.ts'
import { parseId } from '@meshbook/core/ids.ts'
import type { Publication, PublicationState, PublishRequest } from '@meshbook/core/publish-api.ts'
import { attachmentNamed } from '@meshbook/relay/serve/content-disposition.ts'
import type { DocumentKey } from '@meshbook/relay/store/document-store.ts'
import { authorOf } from '../history/authors.ts'
import type { Parts } from '../parts.ts'
import { shownPublication } from '../publish/publications.ts'
import { pagePolicy } from '../publish/render/page.ts'
import { getDocument } from './document-handlers.ts'
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

/** Of assets that are missing, in a header. */
const mostNamed = 64

/** A download that a browser never shows as a page of the hub, whatever the document says (FM44). */
export async function exportHtml(parts: Parts, ask: UserAsk<undefined>): Promise<Response> {
  const { query } = ask
  const [to, outputs] = [query.get('to'), query.get('outputs') ?? 'yes']
  if (to !== 'html')
    throw new MeshError('BAD_REQUEST', { detail: 'to: html is made by the hub, all else where it is wanted' })
  if (outputs !== 'yes' && outputs !== 'no') throw new MeshError('BAD_REQUEST', { detail: 'outputs: yes or no' })
  const { path } = await getDocument(parts, ask)
  const title = path.slice(path.lastIndexOf('/') + 1).replace(/\.(?:md|qmd)$/i, '')
  const made = await parts.htmlExports.of(keyOf(ask), { title, outputs: outputs === 'yes' })
  return new Response(Readable.toWeb(Readable.from(made.pieces)) as ReadableStream, {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-disposition': attachmentNamed(`${title}.html`),
      'content-security-policy': `sandbox; ${pagePolicy(made.styleHash)}; frame-ancestors 'none'`,
      'cache-control': 'no-store',
      'x-missing-assets': made.missing.slice(0, mostNamed).join(' '),
    },
  })
}

function keyOf(ask: UserAsk<unknown>): DocumentKey {
  return { org: placeOf(ask).org, document: parseId('document', param(ask, 'id')) }
}

function originOf({ config }: Parts, { visit }: UserAsk<unknown>): string {
  return config.publishUrl ?? config.publicUrl ?? visit.origin
}
