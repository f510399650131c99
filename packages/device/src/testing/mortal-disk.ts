/**
 * A disk, a clock and a store of a process that dies at a chosen step: from then on nothing that it asked for happens
 * or answers. Taking a file's name for another is three steps, as it is three calls of the system.
 */
import { linkSync, lstatSync, renameSync, unlinkSync } from 'node:fs'
import { type After, systemAfter } from '@meshbook/relay/timers.ts'
import type { Disk, Watch } from '../projects/disk.ts'
import { NodeDisk } from '../projects/node-disk.ts'

const never = <T>() => new Promise<T>(() => undefined)

export class MortalProcess {
  /** Steps that are left. */
  #left: number
  readonly #watches: Watch[] = []
  readonly disk: Disk
  readonly after: After = (ms, task) => systemAfter(ms, () => this.isDead || task())

  constructor(steps: number) {
    this.#left = steps
    this.disk = this.#mortal(new NodeDisk())
  }

  get isDead(): boolean {
    return this.#left <= 0
  }

  storing = (): Promise<void> => (this.#step() ? Promise.resolve() : never())

  dieAfter(steps: number): void {
    this.#left = steps
  }

  /** What the system does when a process ends. */
  bury(): void {
    this.#left = 0
    for (const watch of this.#watches) watch.close()
  }

  #step(): boolean {
    this.#left--
    return this.#left > 0
  }

  #mortal(disk: NodeDisk): Disk {
    const writes = new Set(['write', 'place', 'move', 'remove', 'syncFolder', 'makeFolder', 'makeFolders'])
    return new Proxy<Disk>(disk, {
      get: (target, name: keyof Disk) => {
        if (name === 'exchange') return (...args: Parameters<Disk['exchange']>) => this.#exchange(target, ...args)
        if (name === 'watch')
          return (...args: Parameters<Disk['watch']>) => {
            const watch = target.watch(...args)
            if (watch) this.#watches.push(watch)
            return watch
          }
        return (...args: unknown[]) => {
          if (this.isDead || (writes.has(name) && !this.#step())) return never()
          return (target[name] as (...args: unknown[]) => unknown).apply(target, args)
        }
      },
    })
  }

  async #exchange(disk: Disk, ...[temporary, file, aside, expected]: Parameters<Disk['exchange']>) {
    if (this.#left > 4) {
      this.#left -= 3
      return disk.exchange(temporary, file, aside, expected)
    }
    const stat = lstatSync(file, { bigint: true, throwIfNoEntry: false })
    if (stat?.mtimeNs !== expected.modified) return 'changed' as const
    if (!this.#step()) return never<'done'>()
    renameSync(file, aside)
    if (!this.#step()) return never<'done'>()
    linkSync(temporary, file)
    if (!this.#step()) return never<'done'>()
    unlinkSync(temporary)
    return 'done' as const
  }
}
