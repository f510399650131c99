/** Whether an item runs when all cells do (NB11). Pure. */
import { optionsOf } from './cell-options.ts'
import type { Item } from './items.ts'

export const isRunnable = (item: Item): boolean =>
  item.kind === 'cell' && item.cell.code.trim() !== '' && optionsOf(item.cell).runs
