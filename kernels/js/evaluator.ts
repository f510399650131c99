/**
 * Evaluates cells on the thread of the user's program, as the console of a browser does: through the inspector in REPL
 * mode, so that `const` may be declared again, `await` stands anywhere, and the value of the last statement is told.
 */
import { Session } from 'node:inspector'
import type { Script } from './source.ts'

interface RemoteObject {
  type: string
  objectId?: string
  value?: unknown
  unserializableValue?: string
}

interface Thrown {
  exception?: RemoteObject
  lineNumber: number
  columnNumber: number
}

interface Answer {
  result: RemoteObject
  exceptionDetails?: Thrown
}

/** Terminated by `Runtime.terminateExecution` of the other thread. */
export class Terminated extends Error {}

export class Evaluator {
  #session = new Session()
  #taken: unknown
  #takeId: string

  constructor() {
    this.#session.connect()
    const key = '__meshbook_take'
    Object.defineProperty(globalThis, key, { value: (value: unknown) => (this.#taken = value), configurable: true })
    let id: string | undefined
    this.#session.post('Runtime.evaluate', { expression: key }, (_error, answer) => (id = answer?.result.objectId))
    Reflect.deleteProperty(globalThis, key)
    this.#takeId = id!
  }

  /** Resolves with the value of the last statement; rejects with what the code threw, or Terminated. */
  async evaluate({ code, broken }: Script, name: string): Promise<unknown> {
    const expression = `${code}\n//# sourceURL=${name}`
    const options = { expression, replMode: true, objectGroup: 'cell', includeCommandLineAPI: false }
    const answer = await new Promise<Answer>((resolve, reject) =>
      this.#session.post('Runtime.evaluate', options, (error, result) => (error ? reject(new Terminated()) : resolve(result as never))),
    )
    const thrown = answer.exceptionDetails
    const value = this.#local(thrown ? (thrown.exception ?? { type: 'undefined' }) : answer.result)
    this.#session.post('Runtime.releaseObjectGroup', { objectGroup: 'cell' })
    if (thrown && broken && value instanceof Error) value.stack = showPlace(value, code, name, thrown)
    if (thrown) throw value
    return value
  }

  /** Evaluates without side effects, for completion; undefined if that cannot be done. */
  peek(expression: string): unknown {
    let result: RemoteObject | undefined
    const options = { expression, throwOnSideEffect: true, silent: true, objectGroup: 'peek', timeout: 200 }
    this.#session.post('Runtime.evaluate', options, (error, answer) => {
      if (!error && !answer.exceptionDetails) result = answer.result as RemoteObject
    })
    const value = result ? this.#local(result) : undefined
    this.#session.post('Runtime.releaseObjectGroup', { objectGroup: 'peek' })
    return value
  }

  /** Names declared by `let`, `const` and `class` at the top level of cells. */
  lexicalNames(): string[] {
    let names: string[] = []
    this.#session.post('Runtime.globalLexicalScopeNames', {}, (_error, answer) => (names = answer?.names ?? []))
    return names
  }

  /** The value itself of what the inspector only describes. */
  #local(remote: RemoteObject): unknown {
    const { objectId, unserializableValue, value } = remote
    const argument = objectId ? { objectId } : unserializableValue ? { unserializableValue } : remote.type === 'undefined' ? {} : { value }
    const functionDeclaration = 'function (value) { this(value) }'
    this.#session.post('Runtime.callFunctionOn', { functionDeclaration, objectId: this.#takeId, arguments: [argument] })
    const taken = this.#taken
    this.#taken = undefined
    return taken
  }
}

/** The stack of a syntax error as Node prints it: the line, and a mark below the place. */
function showPlace(error: Error, code: string, name: string, place: Thrown): string {
  const line = code.split('\n')[place.lineNumber] ?? ''
  return `${name}:${place.lineNumber + 1}\n${line}\n${' '.repeat(place.columnNumber)}^\n\n${error.name}: ${error.message}`
}
