/**
 * A thread that tells which assets a document names, wherever in its shared types, also where the name was typed letter
 * by letter. Deleted content does not count. One document at a time; whoever asks ends the thread when it takes too long.
 */
import { parentPort } from 'node:worker_threads'
import { type AssetId, assetsIn } from '@meshbook/core/ids.ts'
import * as Y from 'yjs'

export type ReferencesReply = { assets: AssetId[] } | { failed: string }

type SharedType = NonNullable<ReturnType<Y.Doc['share']['get']>>

function textsOf(type: SharedType): string[] {
  const texts: string[] = ['']
  for (let item = type._start; item; item = item.right) collectItem(item, texts)
  for (const item of type._map.values()) {
    texts.push('')
    collectItem(item, texts)
  }
  return texts
}

/** Strings beside each other are one text; everything else ends it. */
function collectItem(item: Y.Item, texts: string[]): void {
  if (item.deleted) return
  const { content } = item
  if (content instanceof Y.ContentString) texts[texts.length - 1] += content.str
  else if (content instanceof Y.ContentType) texts.push(...textsOf(content.type), '')
  else if (!(content instanceof Y.ContentFormat)) texts.push(JSON.stringify(content.getContent()) ?? '', '')
}

function referencesOf(updates: readonly Uint8Array[]): AssetId[] {
  const doc = new Y.Doc({ gc: true })
  doc.transact(() => {
    for (const update of updates) Y.applyUpdate(doc, update)
  })
  const found = new Set<AssetId>()
  for (const type of doc.share.values())
    for (const text of textsOf(type)) for (const asset of assetsIn(text)) found.add(asset)
  return [...found]
}

parentPort!.on('message', (updates: Uint8Array[]) => {
  let reply: ReferencesReply
  try {
    reply = { assets: referencesOf(updates) }
  } catch (thrown) {
    reply = { failed: String(thrown) }
  }
  parentPort!.postMessage(reply)
})
