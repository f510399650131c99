/** Which part of a prose item its editor shows. Pure. */

import type { TextReader } from '@meshbook/core/text/long-text.ts'
import type { Item } from './items.ts'
import type { Slice } from './slice.ts'

/** The text of a prose item without the blank lines around it, which its editor does not show. */
export function proseSlice(item: Item | undefined, text: TextReader): Slice | undefined {
  if (item?.kind !== 'prose' && item?.kind !== 'front-matter') return undefined
  const source = text.slice(item.from, item.to)
  const lead = /^(?:[ \t]*\r?\n)*/.exec(source)![0].length
  const tail = /(?:\r?\n[ \t]*)*$/.exec(source)![0].length
  return lead + tail >= source.length ? { from: item.to, to: item.to } : { from: item.from + lead, to: item.to - tail }
}
