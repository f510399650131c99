/** The choice of a device, for the panels that show it. */

import { fromPart } from '../shell/from-part.tsx'
import { later } from '../shell/later-when-needed.ts'

export const RunOnChoices = fromPart(later, part => part.RunOnChoices)
