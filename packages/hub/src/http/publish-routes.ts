/** The routes of publishing: those of owners under the API, and the one that everybody may read. */
import { listOf } from '@meshbook/core/api.ts'
import { publicationSchema, publicationStateSchema, publishSchema } from '@meshbook/core/publish-api.ts'
import type { Parts } from '../parts.ts'
import { nothing, readPublished, readPublishedList } from './page-handlers.ts'
import { exportHtml, getPublication, listPublications, publish, unpublish } from './publish-handlers.ts'
import { publicRoute, type Route, userRoute } from './route.ts'

export function publishRoutes(parts: Parts): Route[] {
  const publications = '/api/v1/publications'
  return [
    userRoute({
      method: 'GET',
      path: publications,
      about: 'shared',
      scope: 'read',
      summary: 'What of a project is published',
      query: { project: 'id of a project' },
      answer: listOf(publicationSchema),
      handle: ask => listPublications(parts, ask),
    }),
    userRoute({
      method: 'GET',
      path: `${publications}/:id`,
      about: { the: 'document', named: 'id' },
      scope: 'read',
      summary: 'Whether and how a document is published',
      answer: publicationStateSchema,
      handle: ask => getPublication(parts, ask),
    }),
    userRoute({
      method: 'PUT',
      path: `${publications}/:id`,
      about: { the: 'document', named: 'id' },
      scope: 'all',
      summary: 'Publish a document for everybody to read, as it is from now on or pinned to a version',
      body: publishSchema,
      answer: publicationSchema,
      handle: ask => publish(parts, ask),
    }),
    userRoute({
      method: 'DELETE',
      path: `${publications}/:id`,
      about: { the: 'document', named: 'id' },
      scope: 'all',
      summary: 'Take a published document back; its page is gone at once',
      handle: ask => unpublish(parts, ask),
    }),
    userRoute({
      method: 'GET',
      path: '/api/v1/documents/:id/export',
      about: { the: 'document', named: 'id' },
      scope: 'read',
      rate: 'heavy',
      summary: 'The document as one file of HTML with its pictures inside, as a download',
      query: { to: 'html', outputs: 'no: without outputs' },
      produces: 'text/html',
      handle: ask => exportHtml(parts, ask),
    }),
    ...pageRoutes(parts),
  ]
}

/** Public, because publishing is telling everybody; they find nothing that is not published. */
export function pageRoutes(parts: Parts): Route[] {
  const list = (path: string): Route =>
    publicRoute({
      method: 'GET',
      path,
      summary: 'What of a project is published, as a page; 404 where nothing is',
      produces: 'text/html',
      head: true,
      handle: ask => readPublishedList(parts, ask),
    })
  return [list('/:owner{@[^/]+}/:project'), list('/:owner{@[^/]+}/:project/'), pageRoute(parts)]
}

function pageRoute(parts: Parts): Route {
  return publicRoute({
    method: 'GET',
    path: '/:owner{@[^/]+}/:project/:path{.+}',
    summary: 'A published document as a page, or under `_assets/` what it shows; 404 for everything else',
    query: { of: 'the document that shows the asset', output: 'a run and which of its outputs, on a page of its own' },
    produces: 'text/html',
    head: true,
    handle: ask => readPublished(parts, ask),
  })
}

/** All that the origin of published pages serves, where they have one of their own. */
export function pagesOnly(parts: Parts): Route[] {
  const path = '/*'
  const handle = nothing
  const rest = { method: 'GET', path, summary: 'Nothing else is here', produces: 'text/html', head: true } as const
  return [...pageRoutes(parts), publicRoute({ ...rest, handle })]
}
