/** The disk under a database: it takes its time, it can fail for a while, and what it has taken survives every process. */
import { MeshError } from '@meshbook/core/errors.ts'
import { SqliteConnection } from '@meshbook/relay/sql/sqlite-connection.ts'
import type { Procedures, SqlModule } from '@meshbook/relay/sql/tx.ts'
import { InlineDatabase, type InlineDisk } from '@meshbook/relay/testing/inline-database.ts'
import type { Chance } from './chance.ts'
import type { Process, Timeline } from './timeline.ts'

export type Trouble = 'full' | 'broken' | 'unsure'

export class StoreDisk {
  /** `unsure`: the write happened, but the disk said that it failed. */
  trouble: Trouble | undefined
  readonly #timeline: Timeline
  readonly #chance: Chance
  readonly #modules: readonly SqlModule[]
  readonly #connection = new SqliteConnection(':memory:', { readOnly: false })

  /** One look after the other, on the one connection. */
  #looks: Promise<void> = Promise.resolve()

  constructor(timeline: Timeline, chance: Chance, modules: readonly SqlModule[]) {
    this.#timeline = timeline
    this.#chance = chance
    this.#modules = modules
    this.#connection.migrate(modules.map(module => module.schema))
  }

  /** The database as a process holds it. */
  open<P extends Procedures>(process: Process): InlineDatabase<P> {
    return new InlineDatabase<P>(this.#connection, this.#modules, this.#inlineFor(process))
  }

  /** What stands on the disk, for those who look at the world from outside: it takes no time and never fails. */
  look<P extends Procedures>(): InlineDatabase<P> {
    const later = (run: () => Promise<void>): void => {
      this.#looks = this.#looks.then(run)
    }
    const disk: InlineDisk = { later, answer: tell => tell(), failure: () => undefined, lies: () => false }
    return new InlineDatabase<P>(this.#connection, this.#modules, disk)
  }

  close(): void {
    this.#connection.close()
  }

  #inlineFor(process: Process): InlineDisk {
    const soon = (most: number, task: () => void): void => {
      this.#timeline.schedule(process, this.#chance.fraction() * most, task)
    }
    return {
      later: run => soon(6, () => void run().catch((thrown: unknown) => this.#timeline.reportUncaught(thrown))),
      answer: tell => soon(3, tell),
      failure: () => (this.trouble && this.trouble !== 'unsure' ? this.#error() : undefined),
      lies: () => this.trouble === 'unsure',
    }
  }

  #error(): MeshError {
    return new MeshError(this.trouble === 'full' ? 'DISK_FULL' : 'STORAGE_FAILED', { detail: 'simulated' })
  }
}
