/**
 * Where published pages have an origin of their own: requests for that name get pages and nothing else, no API, no app,
 * no socket; requests for every other name never get a page (PB17, S10).
 */
import type { IncomingMessage, RequestListener } from 'node:http'
import type { Duplex } from 'node:stream'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { type DoorwayConfig, visitOf } from '@meshbook/relay/serve/doorway.ts'
import { listenerOf } from '@meshbook/relay/serve/http-app.ts'
import { refuseUpgrade } from '@meshbook/relay/serve/upgrades.ts'
import { buildApp } from '../http/app.ts'
import { pagesOnly } from '../http/publish-routes.ts'
import type { Parts } from '../parts.ts'

interface Listeners {
  request: RequestListener
  upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
}

export function atOwnOrigin(parts: Parts, main: Listeners): Listeners {
  const { publishUrl, trustedProxies } = parts.config
  if (publishUrl === null) return main
  const config = { ...parts.config, publicUrl: publishUrl, webFolder: null }
  const pages = listenerOf(buildApp({ ...parts, config }, pagesOnly(parts)))
  const isForPages = (request: IncomingMessage): boolean =>
    originOf(request, { publicUrl: publishUrl, trustedProxies }) === publishUrl
  return {
    request: (request, response) => (isForPages(request) ? pages : main.request)(request, response),
    upgrade: (request, socket, head) => {
      if (!isForPages(request)) return main.upgrade(request, socket, head)
      socket.on('error', () => socket.destroy())
      refuseUpgrade(socket, new MeshError('NOT_FOUND'))
    },
  }
}

/** A name that is not known is refused by whoever answers the request. */
function originOf(request: IncomingMessage, config: DoorwayConfig): string | undefined {
  try {
    return visitOf(request, config).origin
  } catch (thrown) {
    if (asMeshError(thrown).code === 'BAD_ORIGIN') return undefined
    throw thrown
  }
}
