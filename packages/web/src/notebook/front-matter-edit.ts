/**
 * Changes of values in a notebook's front matter as edits of its text that alter no other value, comment or order (NB41,
 * W52). Pure; the YAML package is a parameter because it is loaded only when it is needed.
 */
import { findFrontMatter, readFrontMatter } from '@meshbook/core/notebook/front-matter.ts'
import { type Change, diffOf } from '@meshbook/core/text/text-delta.ts'
import type { parseDocument as Parse } from 'yaml'

export type YamlValue = string | boolean | readonly string[]
/** A value and where it stands; undefined takes it away. */
export type YamlEdit = readonly [path: readonly string[], value: YamlValue | undefined]

/** Throws with words for a person when the front matter is not to be changed by a program. */
export function setFrontMatter(text: string, edits: readonly YamlEdit[], parse: typeof Parse): Change[] {
  const found = findFrontMatter(text)
  if (!found) {
    const yaml = edits.reduce((before, edit) => changed(before, edit, parse), '')
    const lead = text === '' || text.startsWith('\n') ? '' : '\n'
    return yaml === '' ? [] : [{ from: 0, to: 0, insert: `---\n${yaml}---\n${lead}` }]
  }
  const from = text.indexOf('\n') + 1
  const after = edits.reduce((before, edit) => changed(before, edit, parse), found.yaml)
  const change = diffOf(found.yaml, after)
  return change ? [{ ...change, from: from + change.from, to: from + change.to }] : []
}

function changed(yaml: string, [path, value]: YamlEdit, parse: typeof Parse): string {
  const { problem } = readFrontMatter(yaml)
  if (problem !== undefined && yaml.trim() !== '') throw new Error(problem)
  const document = parse(yaml, { logLevel: 'silent' })
  if (document.errors[0]) throw new Error(`The front matter cannot be read: ${document.errors[0].message}`)
  const parents = path.slice(0, -1)
  if (parents.length > 0 && document.hasIn(parents) && !isMap(document.getIn(parents))) document.deleteIn(parents)
  if (value !== undefined) document.setIn(path, typeof value === 'object' ? document.createNode(value) : value)
  else if (document.hasIn(path)) document.deleteIn(path)
  else return yaml
  if (value === undefined && parents.length > 0 && isEmpty(document.getIn(parents))) document.deleteIn(parents)
  if (isEmpty(document.contents)) return ''
  const after = document.toString({ lineWidth: 0, flowCollectionPadding: !/\{\S/.test(yaml) })
  return yaml.includes('\r\n') ? after.replaceAll('\n', '\r\n') : after
}

const isMap = (node: unknown): boolean => typeof node === 'object' && node !== null && 'items' in node
const isEmpty = (node: unknown): boolean => isMap(node) && (node as { items: unknown[] }).items.length === 0
