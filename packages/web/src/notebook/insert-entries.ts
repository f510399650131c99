/** Menu entries that put a cell above or below an item. */
import type { MenuEntry } from '../shell/menu.tsx'
import { act } from './doing-when-needed.ts'
import type { OpenNotebook } from './open-notebook.ts'

export const insertEntries = (notebook: OpenNotebook, itemKey: string): MenuEntry[] =>
  (['above', 'below'] as const).map(side => ({
    label: `Insert cell ${side}`,
    icon: 'plus',
    hint: side === 'above' ? 'A' : 'B',
    run: () => act(to => to.insertBeside(notebook, itemKey, side)),
  }))
