/** What the headers of a request about an asset mean. Pure. */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Piece } from '../assets/asset-uploads.ts'
import type { ByteRange } from '../objects/object-store.ts'

/**
 * One range, as browsers and resuming downloads ask for; several are answered whole, as RFC 9110 allows. `If-Range`
 * with another tag, or with a date, means the whole.
 */
export function rangeOf(headers: Headers, bytes: number, etag: string): ByteRange | 'unsatisfiable' | undefined {
  const ifRange = headers.get('if-range')
  if (ifRange !== null && ifRange !== etag) return undefined
  const match = /^bytes=(\d*)-(\d*)$/i.exec(headers.get('range')?.trim() ?? '')
  if (!match || (match[1] === '' && match[2] === '')) return undefined
  const [, first = '', last = ''] = match
  if (first !== '' && last !== '' && Number(first) > Number(last)) return undefined
  const start = first === '' ? Math.max(0, bytes - Number(last)) : Number(first)
  const end = first === '' || last === '' ? bytes - 1 : Math.min(Number(last), bytes - 1)
  return start >= bytes ? 'unsatisfiable' : { start, end }
}

/** Weak tags compare equal here, and `*` means anything. */
export function matchesTag(header: string | null, etag: string): boolean {
  return (header ?? '').split(',').some(tag => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag)
}

/** `Content-Range: bytes a-b/total`, or `Upload-Offset` with `Upload-Length` and `Upload-Complete`, or the whole. */
export function pieceOf(headers: Headers): Piece {
  const range = headers.get('content-range')
  if (range !== null) return pieceOfRange(range, lengthOf(headers, 'content-length'))
  const offset = lengthOf(headers, 'upload-offset')
  const total = lengthOf(headers, 'upload-length')
  const complete = headers.get('upload-complete')
  if (complete !== null && complete !== '?0' && complete !== '?1') throw wrong('upload-complete')
  const length = lengthOf(headers, 'content-length')
  if (offset === undefined && total === undefined && complete === null)
    return { from: undefined, total: length, last: true }
  const from = offset ?? 0
  if (length !== undefined && complete === '?1') return { from, total: total ?? from + length, last: true }
  return { from, total, last: complete === '?1' || (complete === null && total === undefined) }
}

function pieceOfRange(header: string, length: number | undefined): Piece {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(header.trim())
  if (!match) throw wrong('content-range')
  const [from, to] = [Number(match[1]), Number(match[2])]
  const total = match[3] === '*' ? undefined : Number(match[3])
  if (to < from || (total !== undefined && to >= total)) throw wrong('content-range')
  if (length !== undefined && length !== to - from + 1)
    throw new MeshError('BAD_REQUEST', { detail: 'content-length and content-range differ' })
  return { from, total, last: false }
}

function lengthOf(headers: Headers, name: string): number | undefined {
  const text = headers.get(name)
  if (text === null) return undefined
  if (!/^\d{1,15}$/.test(text)) throw wrong(name)
  return Number(text)
}

function wrong(name: string): MeshError {
  return new MeshError('BAD_REQUEST', { detail: `the header ${name}` })
}
