/** What a cell finds around it besides Node's own globals: `require`, `display`, `prompt`, and output that is told. */
import childProcess from 'node:child_process'
import { Console } from 'node:console'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { constants, Script } from 'node:vm'
import { importName } from './source.ts'

export interface CellWorld {
  cwd: string
  write(kind: 'stdout' | 'stderr', text: string): void
  /** Returns once all that was printed has been taken up. */
  settle(): void
  /** What children have printed by now belongs here. */
  childrenPrinted(): void
  ask(prompt: string, password: boolean): string
  show(value: unknown, options: { id?: string; update?: boolean; raw?: boolean }): void
  clear(wait: boolean): void
  imported(name: string, namespace: object): void
}

/** Thrown by `process.exit()`: it ends the cell, not the kernel. */
export class CellExit extends Error {
  readonly status: number
  constructor(status: number) {
    super(`exit status ${status}`)
    this.name = 'Exit'
    this.status = status
  }
}

/** Returns what tells the bytes that wait for the rest of their character, for the end of a run. */
export function installGlobals(world: CellWorld): () => void {
  const file = join(world.cwd, 'cell.js')
  const ask = (prompt: unknown = '') => world.ask(String(prompt), false)
  const globals = {
    require: createRequire(file),
    __dirname: world.cwd,
    display: displayOf(world),
    clearOutput: (options?: { wait?: boolean }) => world.clear(options?.wait === true),
    prompt: ask,
    input: ask,
    password: (prompt: unknown = 'Password: ') => world.ask(String(prompt), true),
    [importName]: importer(file, world.imported),
  }
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false })
  }
  const ends = (['stdout', 'stderr'] as const).map(kind => replaceWrite(kind, text => world.write(kind, text)))
  keepChildrenInOrder(world)
  // Node's own console also reports each call, with its arguments, to the inspector that the evaluator uses.
  globalThis.console = new Console({ stdout: process.stdout, stderr: process.stderr })
  process.exit = ((status?: number) => {
    throw new CellExit(Number(status ?? process.exitCode ?? 0))
  }) as typeof process.exit
  return () => {
    for (const end of ends) end()
  }
}

/** `import()` is resolved from the project's folder. */
function importer(filename: string, imported: CellWorld['imported']): unknown {
  const importModuleDynamically = constants.USE_MAIN_CONTEXT_DEFAULT_LOADER
  const load = new Script('(name, options) => import(name, options)', {
    filename,
    importModuleDynamically,
  }).runInThisContext() as (name: string, options?: object) => Promise<object>
  return async (name: string, options?: object) => {
    const namespace = await load(name, options)
    if (options === undefined) imported(String(name), namespace)
    return namespace
  }
}

function replaceWrite(kind: 'stdout' | 'stderr', write: (text: string) => void): () => void {
  const stream = process[kind]
  const decoder = new TextDecoder()
  stream.write = ((chunk: string | Uint8Array, encoding?: unknown, done?: unknown) => {
    const text = typeof chunk === 'string' ? decoder.decode() + chunk : decoder.decode(chunk, { stream: true })
    if (text) write(text)
    const callback = typeof encoding === 'function' ? encoding : done
    if (typeof callback === 'function') process.nextTick(callback as () => void)
    return true
  }) as typeof stream.write
  return () => {
    const rest = decoder.decode()
    if (rest) write(rest)
  }
}

/** A child prints into a pipe, a cell past it: of one that is waited for, the order is known, and kept (KN18). */
function keepChildrenInOrder(world: CellWorld): void {
  for (const name of ['spawnSync', 'execSync', 'execFileSync'] as const) {
    const original = childProcess[name] as (...given: unknown[]) => unknown
    const waited = (...given: unknown[]) => {
      world.settle()
      try {
        return original(...given)
      } finally {
        world.childrenPrinted()
      }
    }
    Object.assign(childProcess, { [name]: waited })
  }
  syncBuiltinESMExports()
}

function displayOf(world: CellWorld): unknown {
  const display = (value: unknown, options: { id?: string; update?: boolean; raw?: boolean } = {}) =>
    world.show(value, options)
  const as = (mimeType: string) => (data: unknown) => world.show({ [mimeType]: data }, { raw: true })
  return Object.assign(display, {
    html: as('text/html'),
    svg: as('image/svg+xml'),
    markdown: as('text/markdown'),
    latex: as('text/latex'),
    json: as('application/json'),
    png: as('image/png'),
  })
}
