/**
 * Saves and makes the variables of ipykernel and IRkernel by silent cells, with the means of the built-in kernels of these
 * languages: what the one has saved, the other can go on with (KN51, KN52).
 */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as v from 'valibot'
import { loadedSchema, readAnswer, reportOf } from '../wire/saved-answer.ts'
import { checkFolder, readManifest, writeManifest } from '../wire/saved-folder.ts'
import type { KernelSaving, LoadedAnswer, SavedAnswer } from '../wire/server.ts'
import { contentOf, errorSchema } from './contents.ts'
import type { JupyterKernel } from './jupyter-kernel.ts'

const wholeMs = 600_000
const requestsKept = 8
const pythonGuest = join(import.meta.dirname, '../python/guest.py')
const rSide = join(import.meta.dirname, '../r/side')
const begunSchema = v.object({ pid: v.number(), pauseMs: v.number() })

interface Guest {
  language: 'python' | 'r'
  /** Python's side writes the manifest itself. */
  writesManifest: boolean
  begin: string
  save(folder: string, answer: string, report: string): string
  load(folder: string, answer: string): string
}

const quoted = (text: string) => JSON.stringify(text)
const inPython = (call: string) => `__import__("runpy").run_path(${quoted(pythonGuest)})["visiting"].${call}`
const rGuest = `eval(parse(${quoted(join(rSide, 'guest.R'))}, keep.source = FALSE)[[1L]])(${quoted(rSide)})`
const inR = (call: string) => `local({ kept <- ${rGuest}; ${call} })`

const guests: Record<string, Guest> = {
  ipython: {
    language: 'python',
    writesManifest: true,
    begin: inPython('begin()'),
    save: (folder, answer, report) =>
      inPython(`save(get_ipython(), ${[folder, answer, report].map(quoted).join(', ')})`),
    load: (folder, answer) => inPython(`load(get_ipython(), ${quoted(folder)}, ${quoted(answer)})`),
  },
  irkernel: {
    language: 'r',
    writesManifest: false,
    begin: inR('invisible()'),
    save: (folder, answer, report) =>
      inR(`kept$write_report(kept$save_session(${quoted(folder)}, ${quoted(report)}), ${quoted(answer)})`),
    load: (folder, answer) =>
      inR(
        `kept$write_report(tryCatch(suppressWarnings(kept$load_session(${quoted(folder)})), error = function(e) list(failed = conditionMessage(e))), ${quoted(answer)})`,
      ),
  },
}

export class JupyterSaving implements KernelSaving {
  readonly #kernel: JupyterKernel
  readonly #guest: Guest
  readonly #scratch: string
  readonly #own = new Set<string>()
  #count = 0

  private constructor(kernel: JupyterKernel, guest: Guest, scratch: string) {
    this.#kernel = kernel
    this.#guest = guest
    this.#scratch = scratch
  }

  /** Undefined for a kernel whose variables nobody here knows how to save. */
  static of(kernel: JupyterKernel, scratch: string): JupyterSaving | undefined {
    const guest = guests[kernel.implementation]
    if (!guest) return undefined
    const saving = new JupyterSaving(kernel, guest, scratch)
    // Before the first run, which waits behind it.
    void saving.#ask(guest.begin)
    return saving
  }

  /** Whether something was said because of it: nobody's output. */
  isOwn(parent: string | undefined): boolean {
    return parent !== undefined && this.#own.has(parent)
  }

  async save(folder: string): Promise<SavedAnswer> {
    const [answer, report] = [this.#path(), this.#path()]
    const { pid, pauseMs } = readAnswer(
      begunSchema,
      await this.#answer(this.#guest.save(folder, answer, report), answer),
    )
    const saved = await reportOf(report, pid)
    const { language, writesManifest } = this.#guest
    if (writesManifest) await readManifest(folder)
    else await writeManifest(folder, { language, version: this.#kernel.version })
    return { pauseMs, ...saved }
  }

  async load(folder: string): Promise<LoadedAnswer> {
    await checkFolder(folder, this.#guest.language)
    const answer = this.#path()
    return readAnswer(loadedSchema, await this.#answer(this.#guest.load(folder, answer), answer))
  }

  #path(): string {
    return join(this.#scratch, `saved${++this.#count}`)
  }

  async #answer(code: string, path: string): Promise<unknown> {
    const failure = await this.#ask(code)
    const text = await readFile(path, 'utf8').catch(() => undefined)
    if (text === undefined) throw new Error(failure ?? 'the kernel did not answer')
    await rm(path)
    return JSON.parse(text)
  }

  /** Resolves when the cell is done, with the words of its error. */
  async #ask(code: string): Promise<string | undefined> {
    if (this.#own.size > requestsKept) this.#own.delete(this.#own.values().next().value!)
    const { id, reply } = this.#kernel.ask('shell', 'execute_request', {
      code,
      silent: true,
      store_history: false,
      user_expressions: {},
      allow_stdin: false,
      stop_on_error: false,
    })
    this.#own.add(id)
    const late = new AbortController()
    const message = await Promise.race([reply, sleep(wholeMs, undefined, { ref: false, signal: late.signal })])
    late.abort()
    this.#kernel.forget(id)
    const error = message && message.content.status === 'error' ? contentOf(errorSchema, message) : undefined
    return error && `${error.ename}: ${error.evalue}`.slice(0, 1000)
  }
}
