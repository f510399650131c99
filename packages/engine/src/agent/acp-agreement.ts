/**
 * Whether what a program does is what a person agreed to when the program asked (AL51). It words its questions as it
 * likes, so only those count in which all of the deed stands, letter for letter; any other deed is a question of its own.
 */
export type Deed =
  | { tool: 'read'; path: string }
  | { tool: 'write'; path: string; content: string }
  | { tool: 'shell'; argv: readonly string[]; cwd?: string; env: Readonly<Record<string, string>> }

export interface Agreed {
  tool: string
  /** The question as it was shown. */
  question: unknown
}

const shells = new Set(['sh', 'bash', '/bin/sh', '/bin/bash', '/usr/bin/bash'])
const deepest = 20

export function covers({ tool, question }: Agreed, deed: Deed): boolean {
  if (tool !== deed.tool) return false
  const told = new Set(stringsIn(question, deepest))
  switch (deed.tool) {
    case 'read':
      return told.has(deed.path)
    case 'write':
      return told.has(deed.path) && told.has(deed.content)
    case 'shell':
      if (Object.keys(deed.env).length > 0) return false
      return told.has(lineOf(deed.argv)) && (deed.cwd === undefined || told.has(deed.cwd))
  }
}

/** As a person decides about it. */
export function shownOf(deed: Deed): string {
  if (deed.tool === 'read') return deed.path
  if (deed.tool === 'write') return `${deed.path}\n\n${deed.content}`
  const { tool: _, ...command } = deed
  return JSON.stringify(command, null, 2)
}

function lineOf(argv: readonly string[]): string {
  const [program = '', flag = '', line] = argv
  const isLine = argv.length === 3 && shells.has(program) && /^-l?c$/.test(flag)
  return isLine ? line! : argv.join(' ')
}

function stringsIn(value: unknown, depth: number): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null || depth === 0) return []
  return Object.values(value).flatMap(inner => stringsIn(inner, depth - 1))
}
