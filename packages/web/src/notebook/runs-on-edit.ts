/** The change of a notebook's text that sets or removes `meshbook: {runs-on}` in its front matter (W52). Pure. */
import { findFrontMatter, readFrontMatter } from '@meshbook/core/notebook/front-matter.ts'
import type { parseDocument as Parse } from 'yaml'
import type { Change } from './text-delta.ts'

const path = ['meshbook', 'runs-on']

/** Throws with words for a person when the front matter is not to be changed by a program. */
export function setRunsOn(text: string, runsOn: string | undefined, parse: typeof Parse): Change[] {
  const found = findFrontMatter(text)
  if (!found) return runsOn === undefined ? [] : [newFrontMatter(text, runsOn)]
  const from = text.indexOf('\n') + 1
  const after = changed(found.yaml, runsOn, parse)
  return after === found.yaml ? [] : [narrowed(from, found.yaml, after)]
}

function newFrontMatter(text: string, runsOn: string): Change {
  const lead = text === '' || text.startsWith('\n') ? '' : '\n'
  return { from: 0, to: 0, insert: `---\nmeshbook:\n  runs-on: ${JSON.stringify(runsOn)}\n---\n${lead}` }
}

function changed(yaml: string, runsOn: string | undefined, parse: typeof Parse): string {
  const { problem } = readFrontMatter(yaml)
  if (problem !== undefined) throw new Error(problem)
  const document = parse(yaml, { logLevel: 'silent' })
  if (document.errors[0]) throw new Error(`The front matter cannot be read: ${document.errors[0].message}`)
  if (document.has('meshbook') && !isMap(document.get('meshbook'))) document.delete('meshbook')
  if (runsOn !== undefined) document.setIn(path, runsOn)
  else if (document.hasIn(path)) document.deleteIn(path)
  else return yaml
  if (runsOn === undefined && isEmpty(document.get('meshbook'))) document.delete('meshbook')
  if (isEmpty(document.contents)) return ''
  const after = document.toString({ lineWidth: 0, flowCollectionPadding: !/\{\S/.test(yaml) })
  return yaml.includes('\r\n') ? after.replaceAll('\n', '\r\n') : after
}

const isMap = (node: unknown): boolean => typeof node === 'object' && node !== null && 'items' in node
const isEmpty = (node: unknown): boolean => isMap(node) && (node as { items: unknown[] }).items.length === 0

/** The change without what is the same before and after it, so that whoever edits beside it is not disturbed. */
function narrowed(at: number, before: string, after: string): Change {
  let start = 0
  while (start < Math.min(before.length, after.length) && before[start] === after[start]) start++
  let end = 0
  const most = Math.min(before.length, after.length) - start
  while (end < most && before[before.length - 1 - end] === after[after.length - 1 - end]) end++
  return { from: at + start, to: at + before.length - end, insert: after.slice(start, after.length - end) }
}
