/** Saves the variables of an interpreter that is a child, and makes them (KN51, KN52); a copy of it does the work. */
import { join } from 'node:path'
import * as v from 'valibot'
import { loadedSchema, readAnswer, reportOf } from '../wire/saved-answer.ts'
import { checkFolder, writeManifest } from '../wire/saved-folder.ts'
import type { KernelSaving, LoadedAnswer, SavedAnswer } from '../wire/server.ts'

const begunSchema = v.object({ pid: v.number(), pauseMs: v.number() })

export interface ChildSavingOptions {
  language: string
  version: string
  scratch: string
  /** Throws BUSY if a cell has the interpreter. */
  ask(name: 'save' | 'load', ...fields: string[]): Promise<unknown>
}

export class ChildSaving implements KernelSaving {
  readonly #options: ChildSavingOptions
  #count = 0

  constructor(options: ChildSavingOptions) {
    this.#options = options
  }

  async save(folder: string): Promise<SavedAnswer> {
    const { language, version, scratch } = this.#options
    const report = join(scratch, `saved${++this.#count}`)
    const { pid, pauseMs } = readAnswer(begunSchema, await this.#options.ask('save', folder, report))
    const saved = await reportOf(report, pid)
    await writeManifest(folder, { language, version })
    return { pauseMs, ...saved }
  }

  async load(folder: string): Promise<LoadedAnswer> {
    await checkFolder(folder, this.#options.language)
    return readAnswer(loadedSchema, await this.#options.ask('load', folder))
  }
}
