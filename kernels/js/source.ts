/**
 * Prepares the text of a cell for the evaluator: types are stripped, `import` declarations become awaited imports, and
 * `import(…)` goes through a function that knows the project's folder. It runs nothing.
 */
import { stripTypeScriptTypes } from 'node:module'
import vm from 'node:vm'

export const importName = '__meshbook_import'

export interface Script {
  code: string
  /** The evaluator will refuse it with a SyntaxError. */
  broken: boolean
}

/** Throws for TypeScript that has no JavaScript form without a compiler, such as `enum`. */
export function prepare(code: string): Script {
  const script = rewriteImports(code)
  if (parses(script)) return { code: script, broken: false }
  const stripped = withoutTypes(code)
  const typed = stripped === undefined ? script : rewriteImports(stripped)
  return parses(typed) ? { code: typed, broken: false } : { code: script, broken: true }
}

function withoutTypes(code: string): string | undefined {
  try {
    return stripTypeScriptTypes(code, { mode: 'strip' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') throw error
    return undefined
  }
}

function parses(code: string): boolean {
  try {
    new vm.Script(`(async()=>{${code}\n})`)
    return true
  } catch {
    return false
  }
}

const declaration = /import\b(?!\s*[(.])\s*(?:([^'"();]*?)\bfrom\s*)?(['"])([^'"\n]+)\2(?:\s*with\s*(\{[^}]*\}))?/y
const call = /import\s*\(/y

function rewriteImports(code: string): string {
  if (!/\bimport\b/.test(code)) return code
  let result = ''
  let from = 0
  for (const { at, statement } of importsOf(code)) {
    call.lastIndex = declaration.lastIndex = at
    const dynamic = call.exec(code)
    const fixed = !dynamic && statement ? declaration.exec(code) : null
    const text = dynamic ? `${importName}(` : fixed ? awaitedImport(fixed) : undefined
    if (text === undefined || at < from) continue
    result += code.slice(from, at) + text
    from = at + (dynamic ?? fixed)![0].length
  }
  return result + code.slice(from)
}

/** `import d, { a as b } from 'x'` becomes `const { default: d, a: b } = await …('x')`, on as many lines. */
function awaitedImport(match: RegExpExecArray): string {
  const [whole, clause, , specifier, attributes] = match
  const options = attributes ? `, { with: ${attributes} }` : ''
  const load = `await ${importName}(${JSON.stringify(specifier)}${options})`
  const lines = '\n'.repeat(whole.split('\n').length - 1)
  const names = clause?.trim()
  if (!names) return `${load};${lines}`
  if (/^type\s/.test(names)) return lines
  const all = /\*\s*as\s+([\w$]+)/.exec(names)?.[1]
  const main = /^([\w$]+)/.exec(names)?.[1]
  const listed = /\{([\s\S]*)\}/.exec(names)?.[1] ?? ''
  const fields = listed
    .split(',')
    .map(field => field.trim())
    .filter(field => field !== '' && !/^type\s/.test(field))
  const picked = [...(main ? [`default: ${main}`] : []), ...fields.map(field => field.replace(/\s+as\s+/, ': '))]
  const parts = [
    ...(all ? [`${all} = ${load}`] : []),
    ...(picked.length > 0 ? [`{ ${picked.join(', ')} } = ${all ?? load}`] : []),
  ]
  return `const ${parts.join(', ')};${lines}`
}

/** Where `import` stands as a word of the program: not in a string, template, comment or regular expression. */
function* importsOf(code: string): Generator<{ at: number; statement: boolean }> {
  // A `/` begins a regular expression where a value may begin.
  const token =
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\[\s\S]|[^'\\\n])*'|"(?:\\[\s\S]|[^"\\\n])*"|`|[{}]|[A-Za-z_$][\w$]*|\d[\w.]*|\/|\s+|[\s\S]/y
  const regex = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y
  const templates: number[] = []
  let braces = 0
  let before = ''
  for (let at = 0; at < code.length; ) {
    token.lastIndex = at
    const text = token.exec(code)![0]
    let end = at + text.length
    if (text === '/' && !/^[\w$)\]}]/.test(before.slice(-1))) {
      regex.lastIndex = at
      end = at + (regex.exec(code)?.[0].length ?? 1)
    } else if (text === '`') {
      end = templateEnd(code, at + 1, templates, braces)
    } else if (text === '{') braces++
    else if (text === '}') {
      if (templates.at(-1) === braces) {
        templates.pop()
        end = templateEnd(code, at + 1, templates, braces)
      } else braces--
    } else if (text === 'import' && before !== '.')
      yield { at, statement: braces === 0 && /(^|[;\n}])\s*$/.test(code.slice(0, at)) }
    if (!/^(\s|\/\/|\/\*)/.test(text)) before = text
    at = end
  }
}

/** Skips the text of a template up to its end or to the next `${`, whose depth of braces it notes. */
function templateEnd(code: string, start: number, templates: number[], braces: number): number {
  const text = /(?:\\[\s\S]|\$(?!\{)|[^\\`$])*(`|\$\{|$)/y
  text.lastIndex = start
  const match = text.exec(code)
  if (match?.[1] === '${') templates.push(braces)
  return match ? start + match[0].length : code.length
}
