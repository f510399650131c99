/**
 * What can be started on this device. Asking every interpreter for its version takes a few hundred milliseconds, and each
 * decision where a run goes asks: an answer is kept while the folders in which programs and kernelspecs are installed are
 * as they were, and not for long (JK14).
 */
import { stat } from 'node:fs/promises'
import { delimiter } from 'node:path'
import type { Now } from '@meshbook/core/ids.ts'
import { runtimeFor } from '@meshbook/core/languages.ts'
import { type Runtime, runtimeSchema } from '@meshbook/core/messages.ts'
import * as v from 'valibot'
import { findKernelspecs } from './kernelspecs.ts'
import { kernelLanguages, kindOf, type SearchPlaces } from './languages.ts'

export interface RuntimeFinderOptions {
  places: SearchPlaces
  /** Languages that run at a URL. */
  urls: Readonly<Record<string, string>>
  now: Now
  keptMs: number
}

interface Answer {
  runtimes: Runtime[]
  /** All folders that something may be installed in. */
  folders: string[]
  stand: string
  at: number
}

export class RuntimeFinder {
  readonly #options: RuntimeFinderOptions
  #answer: Answer | undefined
  #looking: Promise<Answer> | undefined

  constructor(options: RuntimeFinderOptions) {
    this.#options = options
  }

  /** Calls that come meanwhile share the looking. */
  async find(): Promise<Runtime[]> {
    const known = this.#answer
    if (known && (await this.#isGood(known))) return known.runtimes
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    this.#answer = await this.#looking
    return this.#answer.runtimes
  }

  async #isGood({ at, folders, stand }: Answer): Promise<boolean> {
    return this.#options.now() - at < this.#options.keptMs && (await standOf(folders)) === stand
  }

  async #look(): Promise<Answer> {
    const { places, now } = this.#options
    const at = now()
    // Before programs are asked: what is installed meanwhile is found by the next call.
    const programs = (places.env.PATH ?? '').split(delimiter)
    const before = await standOf(programs)
    const { specs, folders } = await findKernelspecs(places)
    const stand = before + (await standOf(folders))
    const names = new Set([...kernelLanguages, ...Object.keys(this.#options.urls)])
    const found = await Promise.all([...names].map(language => this.#runtime(language)))
    const installed = specs.map(({ language, name, displayName }) => {
      return { language, kernel: `${displayName} · ${name}`, version: '' }
    })
    const runtimes = [...found, ...installed].filter(runtime => v.is(runtimeSchema, runtime))
    return { runtimes, folders: [...programs, ...folders], stand, at }
  }

  /** Where the user has said that the language runs. */
  urlOf(language: string): string | undefined {
    const { urls } = this.#options
    const name = runtimeFor(language)
    return Object.hasOwn(urls, name) ? urls[name] : undefined
  }

  async #runtime(language: string): Promise<Runtime | undefined> {
    const url = this.urlOf(language)
    if (url !== undefined) return { language, kernel: `MRP at ${url}`.slice(0, 100), version: 'MRP' }
    const kind = kindOf(language)
    const interpreter = await kind?.find(this.#options.places)
    return (
      kind && interpreter && { language, kernel: `${kind.title} ${interpreter.version}`, version: interpreter.version }
    )
  }
}

/** Changes when something is put into one of the folders, or taken out of it. */
async function standOf(folders: readonly string[]): Promise<string> {
  const times = await Promise.all(
    folders.map(folder =>
      stat(folder, { bigint: true }).then(
        ({ mtimeNs }) => mtimeNs,
        () => 'none',
      ),
    ),
  )
  return times.map(time => `${time}\n`).join('')
}
