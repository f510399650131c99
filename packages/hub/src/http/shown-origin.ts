/** Under which address another machine finds this hub, for links and QR codes that are made in a browser here. Pure. */
import type { Visit } from '@meshbook/relay/serve/doorway.ts'
import { isLoopbackName } from '@meshbook/relay/serve/loopback-name.ts'
import type { Parts } from '../parts.ts'

export function shownOrigin({ config, url }: Pick<Parts, 'config' | 'url'>, { origin, loopback }: Visit): string {
  if (config.publicUrl !== null) return config.publicUrl
  return loopback && !isLoopbackName(new URL(url()).hostname) ? url() : origin
}
