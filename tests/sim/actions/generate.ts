/** Everything that can happen, how often, and the list of what happens in the world of a seed. */
import type { Chance } from '../world/chance.ts'
import type { Action, Weighted } from './action.ts'
import * as files from './files.ts'
import * as tree from './tree.ts'
import * as trouble from './trouble.ts'
import * as writing from './writing.ts'

export const acts: Readonly<Record<string, Weighted>> = {
  type: { weight: 24, act: writing.type },
  erase: { weight: 5, act: writing.erase },
  move: { weight: 2, act: writing.move },
  program: { weight: 4, act: writing.program },
  create: { weight: 2, act: tree.create },
  open: { weight: 6, act: tree.open },
  closePage: { weight: 1.5, act: tree.closePage },
  rename: { weight: 1.5, act: tree.rename },
  remove: { weight: 1, act: tree.remove },
  editFile: { weight: 7, act: files.editFile },
  staleEdit: { weight: 1.5, act: files.staleEdit },
  createFile: { weight: 1.5, act: files.createFile },
  renameFile: { weight: 1, act: files.renameFile },
  deleteFile: { weight: 0.7, act: files.deleteFile },
  killHub: { weight: 1.5, act: trouble.killHub },
  killDevice: { weight: 2.5, act: trouble.killDevice },
  killBrowser: { weight: 2.5, act: trouble.killBrowser },
  wipeDevice: { weight: 0.3, act: trouble.wipeDevice },
  part: { weight: 2.5, act: trouble.part },
  cut: { weight: 2, act: trouble.cut },
  silence: { weight: 1, act: trouble.silence },
  stall: { weight: 1, act: trouble.stall },
  diskTrouble: { weight: 1, act: trouble.diskTrouble },
  clockJump: { weight: 0.5, act: trouble.clockJump },
}

const kinds = Object.keys(acts)
const total = kinds.reduce((sum, kind) => sum + acts[kind]!.weight, 0)

export function actionsOf(chance: Chance): Action[] {
  const busy = chance.one([60, 200, 500])!
  return Array.from({ length: chance.between(25, 70) }, (_, i) => ({
    gapMs: chance.happens(0.3) ? 0 : chance.between(1, busy),
    kind: kindAt(chance.fraction() * total),
    salt: `${i} ${chance.fraction()}`,
  }))
}

function kindAt(at: number): string {
  let rest = at
  for (const kind of kinds) {
    rest -= acts[kind]!.weight
    if (rest < 0) return kind
  }
  return kinds[0]!
}
