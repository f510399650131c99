/**
 * The disks of task workers on this machine (CP63, CP64): a file system of fixed size in a file, with room for what is
 * below a prepared checkout. Mounts are made for the worker's folder as a peer group, so that a worker that already runs sees
 * what is laid into it later. Only root can; without root there is no disk here, and drivers say so.
 */
import { chmod, chown, mkdir, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isId, type WorkerId } from '@meshbook/core/ids.ts'
import { mountedBelow, tool, unmountBelow } from './mounting.ts'
import { taskUsers } from './task-users.ts'

export class TaskDisks {
  readonly #folder: string
  readonly #busy = new Map<WorkerId, Promise<unknown>>()

  /** Holds the disks and nothing else. */
  constructor(folder: string) {
    this.#folder = folder
  }

  /** The folder to be mounted into the worker, with `repo`, `home` and `tmp` in it. Made unless it is there. */
  make(id: WorkerId, bytes: number): Promise<string> {
    return this.#alone(id, async () => {
      const { root, image, disk, work } = this.#places(id)
      if ((await mountedBelow(root)).includes(work)) return work
      await mkdir(root, { recursive: true, mode: 0o700 })
      await mkdir(disk, { recursive: true })
      await mkdir(work, { recursive: true })
      await writeFile(image, '', { mode: 0o600 })
      await truncate(image, bytes)
      const { uid, gid } = taskUsers.tools
      const own = `lazy_itable_init=1,root_owner=${uid}:${gid},nodiscard`
      await tool('mkfs.ext4', ['-q', '-F', '-m', '0', '-O', '^has_journal', '-E', own, image])
      await tool('mount', ['-o', 'loop,nosuid,nodev,noatime', image, disk])
      for (const name of ['work', 'work/repo', 'work/home', 'work/tmp', 'room'])
        await ownFolder(join(disk, name), name === 'work/tmp' ? 0o1777 : 0o755)
      await tool('mount', ['--bind', join(disk, 'work'), work])
      await tool('mount', ['--make-shared', work])
      return work
    })
  }

  /** A folder on the disk that is not mounted into the worker. */
  async room(id: WorkerId, bytes: number): Promise<string> {
    await this.make(id, bytes)
    return join(this.#places(id).disk, 'room')
  }

  /** Puts a checkout in the place of the worker's `repo`. */
  lay(id: WorkerId, checkout: string): Promise<void> {
    return this.#alone(id, async () => {
      const { root, work } = this.#places(id)
      const repo = join(work, 'repo')
      if (!(await mountedBelow(root)).includes(repo)) await tool('mount', ['--bind', checkout, repo])
    })
  }

  remove(id: WorkerId): Promise<void> {
    return this.#alone(id, async () => {
      const { root } = this.#places(id)
      await unmountBelow(root)
      await rm(root, { recursive: true, force: true })
    })
  }

  async list(): Promise<WorkerId[]> {
    const names: string[] = await readdir(this.#folder).catch(() => [])
    return names.filter((name): name is WorkerId => isId('worker', name))
  }

  #places(id: WorkerId) {
    const root = join(this.#folder, id)
    return { root, image: join(root, 'image'), disk: join(root, 'disk'), work: join(root, 'work') }
  }

  /** One thing at a time for one worker. */
  #alone<T>(id: WorkerId, act: () => Promise<T>): Promise<T> {
    const before = this.#busy.get(id) ?? Promise.resolve()
    const done = before.then(act, act)
    const settled = done.then(
      () => undefined,
      () => undefined,
    )
    this.#busy.set(id, settled)
    settled.then(() => {
      if (this.#busy.get(id) === settled) this.#busy.delete(id)
    })
    return done
  }
}

async function ownFolder(path: string, mode: number): Promise<void> {
  await mkdir(path, { recursive: true })
  await chmod(path, mode)
  await chown(path, taskUsers.tools.uid, taskUsers.tools.gid)
}
