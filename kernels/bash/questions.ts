/** Completion, documentation and variables: shell code that writes to a file, and what its answers mean. */
const itemsShown = 200
const previewUnits = 200
const textUnits = 20_000

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

export interface Question<T> {
  /** Its standard output is what `read` gets. */
  code: string
  read(output: string): T
}

export interface Completions {
  from: number
  to: number
  items: { label: string; kind?: string }[]
}

export function completion(code: string, cursor: number): Question<Completions> {
  const before = code.slice(0, cursor)
  const word = /[^\s;|&<>()'"`=]*$/.exec(before)![0]
  const variable = /^\$\{?(\w*)$/.exec(word)
  const prefix = variable ? variable[1]! : word
  const first = /(^|[;|&(`\n])\s*$/.test(before.slice(0, before.length - word.length))
  const actions = variable ? '-v' : first ? '-abck -A function' : '-f'
  return {
    code: `compgen ${actions} -- ${quoted(prefix)} | LC_ALL=C sort -u | head -n ${itemsShown}`,
    read: output => ({ from: cursor - prefix.length, to: cursor, items: lines(output).map(label => ({ label })) }),
  }
}

export interface Inspection {
  found: boolean
  text: string
}

export function inspection(code: string, cursor: number): Question<Inspection> {
  const start = /[\w.:/+-]*$/.exec(code.slice(0, cursor))![0]
  const word = quoted(start + /^[\w.:/+-]*/.exec(code.slice(cursor))![0])
  return {
    code: `type -- ${word} 2>/dev/null && { help -- ${word} 2>/dev/null || true; }`,
    read: output => ({ found: output !== '', text: output.slice(0, textUnits) }),
  }
}

export interface Variables {
  items: { name: string; type: string; size?: string; preview: string }[]
  truncated: boolean
}

export function variableList(initial: ReadonlySet<string>): Question<Variables> {
  return {
    code: 'while read -r __meshbook_name; do declare -p "$__meshbook_name" 2>/dev/null && printf "\\0"; done < <(compgen -v)',
    read: output => {
      const all = output.split('\0').flatMap(text => describe(text.trim()) ?? [])
      const own = all.filter(
        ({ name }) =>
          !initial.has(name) && !/^(__meshbook_|BASH|HIST|_$|PIPESTATUS|FUNCNAME|PROMPT_COMMAND)/.test(name),
      )
      return { items: own.slice(0, itemsShown), truncated: own.length > itemsShown }
    },
  }
}

const types: Record<string, string> = {
  a: 'array',
  A: 'associative array',
  i: 'integer',
  x: 'exported',
  r: 'read-only',
}

/** Reads a line of `declare -p`: `declare -a names=([0]="x" [1]="y")`. */
function describe(declaration: string): Variables['items'][number] | undefined {
  const match = /^declare -([\w-]+) (\w+)(?:=([\s\S]*))?$/.exec(declaration)
  if (!match) return undefined
  const [, flags, name, value = ''] = match
  const type = [...flags!].flatMap(flag => types[flag] ?? []).join(', ') || 'string'
  const list = /^\(/.test(value)
  const size = list ? (value.match(/\[[^\]]*\]=/g) ?? []).length : value.length - 2
  const preview = (list ? value : value.replace(/^"|"$/g, '')).slice(0, previewUnits)
  return { name: name!, type, size: String(Math.max(0, size)), preview }
}

function lines(text: string): string[] {
  return text.split('\n').filter(line => line !== '')
}
