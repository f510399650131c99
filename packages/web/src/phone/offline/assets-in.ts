/** The assets that a document names, in its text and in what its runs showed. Pure over Yjs. */
import { sharedNames } from '@meshbook/core/executions.ts'
import type * as Y from 'yjs'

const name = /sha256-[0-9a-f]{64}(?![0-9a-f])/g

export function assetsIn(doc: Y.Doc): string[] {
  const text = doc.getText(sharedNames.content).toString()
  const runs = JSON.stringify(doc.getMap(sharedNames.executions).toJSON())
  return [...new Set([...text.matchAll(name), ...runs.matchAll(name)].map(([found]) => found))]
}
