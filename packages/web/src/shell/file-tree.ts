/** Paths as a tree of folders and files, folders first, in natural order. Pure. */
import type { DocumentInfo, FileInfo } from '@meshbook/core/api.ts'

export type TreeNode =
  | { kind: 'folder'; name: string; path: string; nodes: TreeNode[] }
  | { kind: 'document'; name: string; document: DocumentInfo }
  | { kind: 'file'; name: string; file: FileInfo }

type Leaf = { path: string; document: DocumentInfo } | { path: string; file: FileInfo }

const order = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' })

export function treeOf(documents: readonly DocumentInfo[], files: readonly FileInfo[] = []): TreeNode[] {
  const leaves: Leaf[] = documents
    .filter(document => !document.path.startsWith('.meshbook/'))
    .map(document => ({ path: document.path, document }))
  return level([...leaves, ...files.map(file => ({ path: file.path, file }))], '')
}

function level(leaves: readonly Leaf[], prefix: string): TreeNode[] {
  const folders = new Map<string, Leaf[]>()
  const nodes: TreeNode[] = []
  for (const leaf of leaves) {
    const [name = '', ...rest] = leaf.path.slice(prefix.length).split('/')
    const inside = folders.get(name)
    if (rest.length === 0) nodes.push(nodeOf(name, leaf))
    else if (inside) inside.push(leaf)
    else folders.set(name, [leaf])
  }
  const byName = (a: TreeNode, b: TreeNode) => order.compare(a.name, b.name)
  return [...[...folders].map(entry => folderOf(prefix, entry)).sort(byName), ...nodes.sort(byName)]
}

function folderOf(prefix: string, [name, inside]: [string, Leaf[]]): TreeNode {
  const path = `${prefix}${name}`
  return { kind: 'folder', name, path, nodes: level(inside, `${path}/`) }
}

function nodeOf(name: string, leaf: Leaf): TreeNode {
  return 'file' in leaf ? { kind: 'file', name, file: leaf.file } : { kind: 'document', name, document: leaf.document }
}

/** The first rows of a level, so that a folder of thousands of data files does not fill the page; documents are always shown. */
export function firstRows(nodes: readonly TreeNode[], mostFiles: number): { shown: TreeNode[]; more: number } {
  let files = 0
  const shown = nodes.filter(node => node.kind !== 'file' || ++files <= mostFiles)
  return { shown, more: nodes.length - shown.length }
}

export const isNotebookPath = (path: string): boolean => /\.(md|qmd|markdown)$/i.test(path)
export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

/** `analysis.md` is shown as `analysis`. */
export function titleOf(path: string): string {
  return nameOf(path).replace(/\.(md|qmd|markdown)$/i, '')
}
