/**
 * Evaluates cells on the thread of the user's program, as the console of a browser does: through the inspector in REPL
 * mode, so that `const` may be declared again, `await` stands anywhere, and the value of the last statement is told.
 */
import { type Runtime, Session } from 'node:inspector'
import { promiseHooks } from 'node:v8'
import type { Script } from './source.ts'

type Answer = Runtime.EvaluateReturnType

/** Terminated by `Runtime.terminateExecution` of the other thread. */
export class Terminated extends Error {}

export class Evaluator {
  #session = new Session()
  #taken: unknown
  #takeId: string
  #given: unknown
  #giveId: string
  #pending = new Set<Promise<unknown>>()

  constructor() {
    this.#session.connect()
    this.#takeId = this.#idOf((value: unknown) => (this.#taken = value))
    this.#giveId = this.#idOf(() => this.#given)
  }

  #idOf(own: (value: unknown) => unknown): string {
    const key = '__meshbook_own'
    Object.defineProperty(globalThis, key, { value: own, configurable: true })
    let id: string | undefined
    this.#session.post('Runtime.evaluate', { expression: key }, (_error, answer) => (id = answer?.result.objectId))
    Reflect.deleteProperty(globalThis, key)
    return id!
  }

  /** Resolves with the value of the last statement; rejects with what the code threw, or Terminated. */
  async evaluate({ code, broken }: Script, name: string): Promise<unknown> {
    const expression = `${code}\n//# sourceURL=${name}`
    const options = { expression, replMode: true, objectGroup: 'cell', includeCommandLineAPI: false }
    const answer = await new Promise<Answer>((resolve, reject) =>
      this.#post(options, (error, result) => (error || !result ? reject(new Terminated()) : resolve(result))),
    )
    const thrown = answer.exceptionDetails
    const value = this.#local(thrown ? (thrown.exception ?? { type: 'undefined' }) : answer.result)
    this.#session.post('Runtime.releaseObjectGroup', { objectGroup: 'cell' })
    if (thrown && broken && value instanceof Error) value.stack = showPlace(value, code, name, thrown)
    if (thrown) throw value
    return value
  }

  /**
   * The inspector holds the promise of the code only weakly, and Node dies when a promise that never settles (an
   * interrupted run's) is collected: the inspector then calls back in the middle of the collection. So it is held here.
   */
  #post(
    options: Runtime.EvaluateParameterType,
    callback: (error: Error | null, answer: Answer | undefined) => void,
  ): void {
    let promise: Promise<unknown> | undefined
    const stop = promiseHooks.onInit(created => {
      promise = created
      stop()
    })
    let settled = false
    this.#session.post('Runtime.evaluate', options, (error: Error | null, answer?: Answer) => {
      settled = true
      if (promise) this.#pending.delete(promise)
      callback(error, answer)
    })
    stop()
    if (promise && !settled) this.#pending.add(promise)
  }

  /** Evaluates without side effects, for completion; undefined if that cannot be done. */
  peek(expression: string): unknown {
    let result: Runtime.RemoteObject | undefined
    const options = { expression, throwOnSideEffect: true, silent: true, objectGroup: 'peek', timeout: 200 }
    this.#session.post('Runtime.evaluate', options, (error: Error | null, answer?: Answer) => {
      if (!error && !answer?.exceptionDetails) result = answer?.result
    })
    const value = result ? this.#local(result) : undefined
    this.#session.post('Runtime.releaseObjectGroup', { objectGroup: 'peek' })
    return value
  }

  /** The value of a variable; a promise is not awaited. */
  valueOf(name: string): unknown {
    let value: unknown
    const options = { expression: name, silent: true, objectGroup: 'peek' }
    this.#session.post('Runtime.evaluate', options, (error: Error | null, answer?: Answer) => {
      if (!error && answer && !answer.exceptionDetails) value = this.#local(answer.result)
    })
    this.#session.post('Runtime.releaseObjectGroup', { objectGroup: 'peek' })
    return value
  }

  /** Names of what a function or class remembers from the code around it, but for itself and what is global. */
  remembered(made: object): string[] {
    const own = Object.getOwnPropertyDescriptor(made, 'name')?.value
    const names = this.#scopesOf(made).flatMap(scope =>
      /^(?:Global|Script)/.test(scope.description ?? '')
        ? []
        : this.#propertiesOf(scope).result.map(({ name }) => name),
    )
    this.#session.post('Runtime.releaseObjectGroup', { objectGroup: 'peek' })
    return names.filter(name => name !== own && !name.startsWith('#'))
  }

  #scopesOf(made: object): Runtime.RemoteObject[] {
    let remote: Runtime.RemoteObject | undefined
    this.#given = made
    const functionDeclaration = 'function () { return this() }'
    const call = { functionDeclaration, objectId: this.#giveId, objectGroup: 'peek' }
    this.#session.post('Runtime.callFunctionOn', call, (_error, answer) => {
      remote = (answer as Runtime.CallFunctionOnReturnType | undefined)?.result
    })
    this.#given = undefined
    const inner = this.#propertiesOf(remote).internalProperties
    const scopes = inner?.find(({ name }) => name === '[[Scopes]]')?.value
    return scopes ? this.#propertiesOf(scopes).result.flatMap(({ value }) => value ?? []) : []
  }

  #propertiesOf(remote: Runtime.RemoteObject | undefined): Runtime.GetPropertiesReturnType {
    let found: Runtime.GetPropertiesReturnType = { result: [] }
    if (remote?.objectId === undefined) return found
    const asked = { objectId: remote.objectId, ownProperties: true }
    this.#session.post('Runtime.getProperties', asked, (error, answer) => {
      if (!error) found = answer as Runtime.GetPropertiesReturnType
    })
    return found
  }

  /** Names declared by `let`, `const` and `class` at the top level of cells. */
  lexicalNames(): string[] {
    let names: string[] = []
    this.#session.post('Runtime.globalLexicalScopeNames', {}, (_error, answer) => (names = answer?.names ?? []))
    return names
  }

  /** The value itself of what the inspector only describes. */
  #local(remote: Runtime.RemoteObject): unknown {
    const { objectId, unserializableValue, value } = remote
    const argument = objectId
      ? { objectId }
      : unserializableValue
        ? { unserializableValue }
        : remote.type === 'undefined'
          ? {}
          : { value }
    const functionDeclaration = 'function (value) { this(value) }'
    this.#session.post('Runtime.callFunctionOn', { functionDeclaration, objectId: this.#takeId, arguments: [argument] })
    const taken = this.#taken
    this.#taken = undefined
    return taken
  }
}

/** The stack of a syntax error as Node prints it: the line, and a mark below the place. */
function showPlace(error: Error, code: string, name: string, place: Runtime.ExceptionDetails): string {
  const lines = code.split('\n')
  // "Unexpected end" is found after the line that the evaluator appends.
  const index = Math.min(place.lineNumber, lines.length - 1)
  const line = lines[index] ?? ''
  const column = Math.min(place.columnNumber, line.length)
  return `${name}:${index + 1}\n${line}\n${' '.repeat(column)}^\n\n${error.name}: ${error.message}`
}
