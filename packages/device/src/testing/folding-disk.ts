/** A disk that keeps no cases and no Unicode forms apart, and keeps the spelling that a name was made with, as on macOS. */
import { lstatSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Disk } from '../projects/disk.ts'
import { foldedName } from '../projects/disk-names.ts'
import { NodeDisk } from '../projects/node-disk.ts'

/** Parameters of each operation that are paths. */
const pathsOf: Record<keyof Disk, number> = {
  read: 1,
  write: 1,
  look: 1,
  list: 1,
  realPath: 1,
  makeFolder: 1,
  makeFolders: 1,
  exchange: 3,
  place: 2,
  move: 2,
  remove: 1,
  syncFolder: 1,
  watch: 1,
}

/** `below`: names in this folder fold, and nothing outside it. */
export function foldingDisk(below: () => string, disk: Disk = new NodeDisk()): Disk {
  const spelled = (path: string): string => {
    const root = below()
    if (!path.startsWith(`${root}/`)) return path
    let found = root
    for (const part of path.slice(root.length + 1).split('/')) found = join(found, spelledIn(found, part))
    return found
  }
  return new Proxy(disk, {
    get:
      (target, name: keyof Disk) =>
      (...args: unknown[]) => {
        const plain = args.map((arg, i) => (i < pathsOf[name] && typeof arg === 'string' ? spelled(arg) : arg))
        // A rename to another spelling of the same name is one.
        if (name === 'move' && plain[0] === plain[1])
          plain[1] = join(dirname(String(plain[0])), basename(String(args[1])))
        return (target[name] as (...args: unknown[]) => unknown).apply(target, plain)
      },
  })
}

function spelledIn(folder: string, name: string): string {
  if (lstatSync(join(folder, name), { throwIfNoEntry: false })) return name
  try {
    return readdirSync(folder).find(other => foldedName(other) === foldedName(name)) ?? name
  } catch {
    return name
  }
}
