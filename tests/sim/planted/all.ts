/** Every planted bug. */
import { fileBugs } from './file-bugs.ts'
import type { PlantedBug } from './planted-bug.ts'
import { storeBugs } from './store-bugs.ts'
import { wireBugs } from './wire-bugs.ts'

export const plantedBugs: readonly PlantedBug[] = [...storeBugs, ...wireBugs, ...fileBugs]
