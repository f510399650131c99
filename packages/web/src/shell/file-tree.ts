/** Paths as a tree of folders and files, folders first, in natural order. Pure. */
import type { DocumentInfo } from '@meshbook/core/api.ts'

export type TreeNode =
  | { kind: 'folder'; name: string; path: string; nodes: TreeNode[] }
  | { kind: 'file'; name: string; document: DocumentInfo }

const order = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' })

export function treeOf(documents: readonly DocumentInfo[]): TreeNode[] {
  return level(
    documents.filter(document => !document.path.startsWith('.meshbook/')),
    '',
  )
}

function level(documents: readonly DocumentInfo[], prefix: string): TreeNode[] {
  const folders = new Map<string, DocumentInfo[]>()
  const files: TreeNode[] = []
  for (const document of documents) {
    const [name, ...rest] = document.path.slice(prefix.length).split('/')
    if (rest.length === 0) files.push({ kind: 'file', name: name!, document })
    else folders.set(name!, [...(folders.get(name!) ?? []), document])
  }
  const nodes = [...folders].map(
    ([name, inside]): TreeNode => ({
      kind: 'folder',
      name,
      path: `${prefix}${name}`,
      nodes: level(inside, `${prefix}${name}/`),
    }),
  )
  const byName = (a: TreeNode, b: TreeNode) => order.compare(a.name, b.name)
  return [...nodes.sort(byName), ...files.sort(byName)]
}

/** `analysis.md` is shown as `analysis`. */
export function titleOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).replace(/\.(md|qmd|markdown)$/i, '')
}
