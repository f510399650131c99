/** The one rule for addresses that strangers write: where a link may lead, and from where an image may come. Pure (S9). */
import { isAssetId } from '@meshbook/core/ids.ts'

/** What browsers pass over when they read an address: control characters and blanks, also inside of the scheme. */
const passedOver = /[\u0000-\u0020\u007f-\u00a0\u00ad\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff]/g

/** Web pages, mail and what is relative to this page; undefined for all others, as `javascript:`. */
export function linkAddress(href: string): string | undefined {
  const scheme = /^([^/?#]*?):/.exec(href.replace(passedOver, ''))?.[1]?.toLowerCase()
  return scheme === undefined || ['http', 'https', 'mailto'].includes(scheme) ? href : undefined
}

/** Images only from this hub's assets, or from the file's own text (`data:`). */
export function imageAddress(source: string): string | undefined {
  const asset = /^asset:(.+)$/.exec(source)?.[1]
  if (asset !== undefined) return isAssetId(asset) ? `/api/v1/assets/${asset}` : undefined
  return /^(data:image\/(png|jpeg|gif|webp);|\/api\/v1\/assets\/sha256-)/.test(source) ? source : undefined
}

/** What an address in Markdown is as one of a page; undefined if it has no form there. */
export function encodedAddress(href: string): string | undefined {
  try {
    return encodeURI(href).replace(/%25/g, '%')
  } catch {
    return undefined
  }
}
