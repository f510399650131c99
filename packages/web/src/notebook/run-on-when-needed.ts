/** The choice of a device, for the panels that show it. */
import { later } from '../shell/later-when-needed.ts'
import { fromPart } from '../shell/lazy-page.tsx'

export const RunOnChoices = fromPart(later, part => part.RunOnChoices)
