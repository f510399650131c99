/** What the folder of a project may be called on any machine (DV101). Pure. */
import { limits } from '@meshbook/core/limits.ts'
import type { DeviceProject } from '@meshbook/core/messages.ts'
import { normalPath } from '@meshbook/core/tree.ts'
import { foldedName } from '../projects/disk-names.ts'

/** Names that are tried before it is given up. */
const mostNumbers = 100

type Named = Pick<DeviceProject, 'id' | 'name' | 'owner' | 'shared'>

/** The best first; `others` are the projects of the account. */
export function folderNames(project: Named, others: readonly Named[]): string[] {
  const name = usableName(project.name)
  const withOwner = usableName(`${project.owner}-${project.name}`)
  const numbered = Array.from({ length: mostNumbers }, (_, at) => usableName(`${withOwner} ${at + 2}`))
  return isOwnNameOf(project, name, others) ? [name, withOwner, ...numbered] : [withOwner, ...numbered]
}

/** A shared project leaves the plain name to an own one. */
function isOwnNameOf(project: Named, name: string, others: readonly Named[]): boolean {
  if (!project.shared) return true
  return !others.some(
    other => other.id !== project.id && !other.shared && foldedName(usableName(other.name)) === foldedName(name),
  )
}

export function usableName(text: string): string {
  const plain = [...text.normalize('NFC').toWellFormed()].map(character =>
    isUsable(`a${character}a`) && character !== '/' ? character : '_',
  )
  const short = shortened(
    plain
      .join('')
      .trim()
      .replace(/^\.+/, '_')
      .replace(/[ .]+$/, '_'),
  )
  if (isUsable(short)) return short
  return isUsable(`_${short}`) ? `_${short}` : '_'
}

function isUsable(name: string): boolean {
  return normalPath(name) === name
}

/** So that a number, and the names in the folder, still fit. */
function shortened(name: string): string {
  const characters = [...name]
  while (Buffer.byteLength(characters.join('')) > limits.pathSegmentBytes / 2) characters.pop()
  return characters.join('').trim()
}
