/**
 * Imports of Julia code: `using` and `import` statements. A tokenizer that knows comments (nested ones too), strings with
 * what is interpolated in them, commands, characters and the `'` that transposes.
 */
interface Token {
  kind: 'name' | 'mark' | 'newline' | 'end'
  text: string
}

const word = /[\p{L}_][\p{L}\p{N}_!]*/uy
const character = /'(?:\\.[^'\n]{0,8}|[^'\\])'/suy
const number = /\d[\w.]*/uy

class Reader {
  readonly #code: string
  #at = 0
  /** Whether a `'` here transposes what is before it. */
  #afterValue = false

  constructor(code: string) {
    this.#code = code
  }

  next(): Token {
    for (;;) {
      const code = this.#code
      const char = code[this.#at]
      if (char === undefined) return { kind: 'end', text: '' }
      if (char === '\n' || char === '\r') return this.#take('newline', char)
      if (char === ' ' || char === '\t') this.#skip(1)
      else if (code.startsWith('#=', this.#at)) this.#skipComment()
      else if (char === '#') this.#skip(lineEnd(code, this.#at) - this.#at)
      else if (char === '"' || char === '`') {
        this.#at = endOfText(code, this.#at, char)
        this.#afterValue = true
      } else return this.#plain(char)
    }
  }

  #plain(char: string): Token {
    const name = this.#match(word)
    if (name !== undefined) return this.#take('name', name)
    const digits = this.#match(number)
    if (digits !== undefined) return this.#take('mark', digits, true)
    const literal = char === "'" && !this.#afterValue ? this.#match(character) : undefined
    if (literal !== undefined) return this.#take('mark', literal, true)
    return this.#take('mark', char, /[)\]}'.]/.test(char))
  }

  #take(kind: Token['kind'], text: string, isValue = kind === 'name'): Token {
    this.#at += text.length
    this.#afterValue = isValue
    return { kind, text }
  }

  #skip(chars: number): void {
    this.#at += chars
    this.#afterValue = false
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    return pattern.exec(this.#code)?.[0]
  }

  #skipComment(): void {
    let depth = 0
    do {
      const opens = this.#code.startsWith('#=', this.#at)
      const closes = this.#code.startsWith('=#', this.#at)
      depth += Number(opens) - Number(closes)
      this.#at += opens || closes ? 2 : 1
    } while (depth > 0 && this.#at < this.#code.length)
  }
}

function lineEnd(code: string, from: number): number {
  const found = code.slice(from).search(/[\n\r]/)
  return found < 0 ? code.length : from + found
}

/** Behind the string or command that begins here; `$(…)` in it may hold strings of its own. */
function endOfText(code: string, from: number, quote: string): number {
  const mark = code.startsWith(quote.repeat(3), from) ? quote.repeat(3) : quote
  /** What is open, innermost last: strings by their closing mark, brackets of interpolation by `)`. */
  const open = [mark]
  let at = from + mark.length
  while (open.length > 0 && at < code.length) {
    const inner = open.at(-1)!
    if (inner === ')') {
      const char = code[at]!
      const opened = code.startsWith('"""', at) ? '"""' : char
      if (char === ')') open.pop()
      else if (char === '(') open.push(')')
      else if (char === '"') open.push(opened)
      at += char === '"' ? opened.length : 1
    } else if (code.startsWith(inner, at)) {
      open.pop()
      at += inner.length
    } else if (code.startsWith('$(', at)) {
      open.push(')')
      at += 2
    } else at += code[at] === '\\' ? 2 : 1
  }
  return Math.min(at, code.length)
}

export function* juliaImports(code: string): Generator<string> {
  const reader = new Reader(code)
  let before: Token = { kind: 'newline', text: '\n' }
  for (let token = reader.next(); token.kind !== 'end'; token = reader.next()) {
    const isKeyword = token.kind === 'name' && (token.text === 'using' || token.text === 'import')
    if (isKeyword && !(before.kind === 'mark' && /^[:.@]$/.test(before.text))) yield* statement(reader)
    before = token
  }
}

/** `A, B.C as D` or `A: b, c`; a list goes on in the next line only behind a comma. */
function* statement(reader: Reader): Generator<string> {
  let path = ''
  let before: 'comma' | 'dot' | 'name' | 'as' = 'comma'
  for (let token = reader.next(); ; token = reader.next()) {
    if (token.kind === 'newline' && before !== 'name') continue
    if (token.kind === 'name' && before === 'name' && token.text === 'as') before = 'as'
    else if (token.kind === 'name' && before === 'as') before = 'name'
    else if (token.kind === 'name' && before !== 'name') {
      path += token.text
      before = 'name'
    } else if (token.text === '.') {
      path += '.'
      before = 'dot'
    } else {
      yield* absolute(path)
      if (token.text !== ',') return
      path = ''
      before = 'comma'
    }
  }
}

function absolute(path: string): string[] {
  return path === '' || path.startsWith('.') ? [] : [path]
}
