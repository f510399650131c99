/** A device whose disk takes its time: some appends are stored a second late, when whoever asked may have left. */
import { asShipped, type Variations } from './variations.ts'

const share = 0.3
const mostMs = 1_400

export const slowStores: Variations = {
  ...asShipped,
  deviceStore: (store, { chance }) => ({
    open: key => store.open(key),
    append: async (key, epoch, updates) => {
      if (chance.happens(share)) await new Promise<void>(resolve => setTimeout(resolve, chance.fraction() * mostMs))
      return store.append(key, epoch, updates)
    },
    compact: (key, epoch, snapshot) => store.compact(key, epoch, snapshot),
    replace: (key, replacement) => store.replace(key, replacement),
  }),
}
