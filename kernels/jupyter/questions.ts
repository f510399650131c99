/** Completion, documentation and variables of a Jupyter kernel, never while it is busy (KN11). */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import * as v from 'valibot'
import { completeSchema, contentOf, executeReplySchema, inspectSchema, typedMatchSchema } from './contents.ts'
import { toCharacters, toUnits } from './cursor.ts'
import type { JupyterKernel } from './jupyter-kernel.ts'
import type { Message } from './message.ts'

const questionMs = 3000
const mostItems = 200
const documentUnits = 20_000
const introspection = join(import.meta.dirname, '../python/meshbook_kernel/introspect.py')
const nothing = { items: [], truncated: false }
const expressionSchema = v.object({ status: v.literal('ok'), data: v.object({ 'text/plain': v.string() }) })

export class Questions {
  readonly #kernel: JupyterKernel
  readonly #own = new Set<string>()

  constructor(kernel: JupyterKernel) {
    this.#kernel = kernel
  }

  /** Whether something was said because of a question: nobody's output. */
  isOwn(parent: string | undefined): boolean {
    return parent !== undefined && this.#own.has(parent)
  }

  async #ask(type: string, content: object): Promise<Message | undefined> {
    // A question at a time: whoever types asks again.
    if (this.#own.size > 8) this.#own.delete(this.#own.values().next().value!)
    const { id, reply } = this.#kernel.ask('shell', type, content)
    this.#own.add(id)
    const answer = await Promise.race([reply, sleep(questionMs, undefined)])
    this.#kernel.forget(id)
    return answer
  }

  async complete(code: string, cursor: number, isBusy: boolean): Promise<unknown> {
    const none = { from: cursor, to: cursor, items: [] }
    if (isBusy) return none
    const reply = await this.#ask('complete_request', { code, cursor_pos: toCharacters(code, cursor) })
    const found = reply && contentOf(completeSchema, reply)
    if (!found || found.matches.length === 0) return none
    const kinds = kindsOf(found.metadata?._jupyter_types_experimental ?? [])
    const from = Math.min(toUnits(code, found.cursor_start), cursor)
    const to = Math.max(toUnits(code, found.cursor_end), from)
    const items = found.matches.slice(0, mostItems).map(label => {
      const kind = kinds.get(label)
      return kind === undefined ? { label } : { label, kind }
    })
    return { from, to, items }
  }

  async inspect(code: string, cursor: number, isBusy: boolean): Promise<unknown> {
    const none = { found: false, text: '' }
    if (isBusy) return none
    const reply = await this.#ask('inspect_request', {
      code,
      cursor_pos: toCharacters(code, cursor),
      detail_level: 0,
    })
    const told = reply && contentOf(inspectSchema, reply)
    const text = told?.data['text/plain']
    if (!told?.found || typeof text !== 'string') return none
    return { found: true, text: plain(text).slice(0, documentUnits) }
  }

  /** In Python with the means of the built-in kernel; of other languages nothing is known. */
  async variables(isBusy: boolean): Promise<unknown> {
    if (isBusy || this.#kernel.language !== 'python') return nothing
    const reply = await this.#ask('execute_request', {
      code: '',
      silent: true,
      store_history: false,
      allow_stdin: false,
      stop_on_error: false,
      user_expressions: { variables: pythonVariables },
    })
    const answer = reply && contentOf(executeReplySchema, reply)?.user_expressions?.variables
    const parsed = v.safeParse(expressionSchema, answer)
    return parsed.success ? fromBase64(parsed.output.data['text/plain']) : nothing
  }
}

/** Without colours, and without what made a typewriter's text bold or underlined. */
function plain(text: string): string {
  return stripVTControlCharacters(text.replace(/[^\n]\x08/g, ''))
}

/** The representation of a text in Base64 is the same in every version: itself between quotes. */
const pythonVariables = [
  "__import__('base64').b64encode(__import__('json').dumps(",
  `__import__('runpy').run_path(${JSON.stringify(introspection)})['variables'](`,
  'get_ipython().user_ns, set(get_ipython().user_ns_hidden))).encode()).decode()',
].join('')

function fromBase64(quoted: string): unknown {
  return JSON.parse(Buffer.from(quoted.slice(1, -1), 'base64').toString('utf8'))
}

function kindsOf(typed: readonly unknown[]): Map<string, string> {
  const known = typed.map(each => v.safeParse(typedMatchSchema, each)).filter(parsed => parsed.success)
  return new Map(known.map(({ output }) => [output.text, output.type]))
}
