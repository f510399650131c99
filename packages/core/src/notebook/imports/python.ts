/** Imports of Python code, by its grammar. */
import { parser } from '@lezer/python'
import { limits } from '../../limits.ts'

type Tree = ReturnType<typeof parser.parse>
type TreeNode = Tree['topNode']

export function* pythonImports(code: string): Generator<string> {
  const text = withoutFirstMagics(code)
  const cursor = parsed(text).cursor()
  do {
    if (cursor.name === 'ImportStatement') yield* importedBy(cursor.node, text)
  } while (cursor.next())
}

/** Broken code makes the parser try much; what it has not reached after so many steps is not read. */
function parsed(text: string): Tree {
  const parse = parser.startParse(text)
  for (let steps = 1; ; steps++) {
    const tree = parse.advance()
    if (tree) return tree
    if (steps === limits.importParseCalls) parse.stopAt(parse.parsedPos)
  }
}

/** `%%time` and its like at the top are no Python; below, where a string may be open, they are left to the parser. */
function withoutFirstMagics(code: string): string {
  const top = /^(?:[ \t]*(?:[%!?#].*)?(?:\r\n|\n|\r))*(?:[ \t]*[%!?].*)?/.exec(code)?.[0] ?? ''
  return code.slice(top.length)
}

/** The words of the statement, `as` and what follows it left out. */
function importedBy(statement: TreeNode, text: string): string[] {
  const words: string[] = []
  for (let node = statement.firstChild; node; node = node.nextSibling) {
    if (node.type.isError || node.name === 'Comment') continue
    if (node.name === 'as') node = node.nextSibling ?? node
    else words.push(text.slice(node.from, node.to))
  }
  return words[0] === 'from' ? fromImports(words.slice(1)) : plainImports(words.slice(1))
}

/** `a . b , c` */
function plainImports(words: readonly string[]): string[] {
  return words.join('').split(',')
}

/** `a . b import ( c , d )`; a relative one begins with a dot and names no module that is installed. */
function fromImports(words: readonly string[]): string[] {
  const at = words.indexOf('import')
  const module = words.slice(0, at < 0 ? words.length : at).join('')
  if (module === '' || module.startsWith('.')) return []
  const parts = at < 0 ? [] : words.slice(at + 1).filter(word => /^[^\s(),*.]+$/.test(word))
  return [module, ...parts.map(part => `${module}.${part}`)]
}
