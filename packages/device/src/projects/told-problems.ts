/** What was wrong with the names and files of one folder at the last look: told until a look finds it well. */
import { join } from 'node:path'
import type { MeshError } from '@meshbook/core/errors.ts'
import type { ProblemPlace, Problems } from '../problems.ts'
import { conflictOf } from './conflict-copies.ts'

export class ToldProblems {
  readonly #problems: Problems
  readonly #root: string
  #told = new Set<string>()

  constructor(problems: Problems, root: string) {
    this.#problems = problems
    this.#root = root
  }

  /** By path, or what else in the folder they are about. */
  tell(problems: ReadonlyMap<string, MeshError>): void {
    for (const path of this.#told) if (!problems.has(path)) this.#problems.solve(join(this.#root, path))
    for (const [path, error] of problems) this.#problems.report(join(this.#root, path), error, this.#placeOf(path))
    this.#told = new Set(problems.keys())
  }

  #placeOf(path: string): ProblemPlace {
    const original = conflictOf(path)
    return original === undefined ? {} : { file: join(this.#root, original), copy: join(this.#root, path) }
  }
}
