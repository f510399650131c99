/**
 * Every keyboard shortcut of the notebook, in one table: what the keyboard obeys, and what the list of shortcuts and the
 * palette show (NB1). Pure; knows no notebook.
 */

/**
 * `item`: an item has the focus. `body`: that, and with a held key wherever nothing is written. `page`: anywhere, also in
 * an editor. `editor`: handled by the editor itself.
 */
export type ShortcutMode = 'item' | 'body' | 'page' | 'editor'
/** Where the focus is: on an item, in something to write in, or elsewhere on the page. */
export type FocusPlace = 'item' | 'writing' | 'elsewhere'
export interface Shortcut {
  /** Alternatives, each a chord like `Mod Shift Z`, or two keys one after the other like `D D`. */
  keys: readonly string[]
  mode: ShortcutMode
}

const item = (...keys: string[]): Shortcut => ({ keys, mode: 'item' })
const body = (...keys: string[]): Shortcut => ({ keys, mode: 'body' })
const page = (...keys: string[]): Shortcut => ({ keys, mode: 'page' })
const editor = (...keys: string[]): Shortcut => ({ keys, mode: 'editor' })

export const shortcuts = {
  'run-advance': body('Shift Enter'),
  run: body('Mod Enter'),
  'run-insert': body('Alt Enter'),
  interrupt: page('Ctrl Shift C'),
  restart: item('0 0'),
  edit: item('Enter'),
  command: editor('Escape'),
  next: item('ArrowDown', 'J'),
  previous: item('ArrowUp', 'K'),
  'extend-down': item('Shift ArrowDown'),
  'extend-up': item('Shift ArrowUp'),
  'select-all': item('Mod A'),
  'insert-above': item('A'),
  'insert-below': item('B'),
  delete: item('D D'),
  undo: body('Z', 'Mod Z'),
  redo: body('Shift Z', 'Mod Shift Z'),
  'move-up': item('Shift K', 'Mod Shift ArrowUp'),
  'move-down': item('Shift J', 'Mod Shift ArrowDown'),
  'to-text': item('M'),
  'to-code': item('Y'),
  cut: item('X'),
  copy: item('C'),
  paste: item('V'),
  'paste-above': item('Shift V'),
  options: item('P'),
  'toggle-output': item('O'),
  'line-numbers': item('L'),
  documentation: editor('Shift Tab'),
  outline: item('T'),
  variables: item('I'),
  history: item('H'),
  find: page('Mod F'),
  replace: page('Mod Alt F'),
  'find-next': page('Mod G', 'F3'),
  'find-previous': page('Mod Shift G', 'Shift F3'),
  save: page('Mod S'),
} as const satisfies Record<string, Shortcut>
export type ShortcutId = keyof typeof shortcuts

const table: readonly [ShortcutId, Shortcut][] = Object.entries(shortcuts) as [ShortcutId, Shortcut][]

export type PressedKey = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>

/** The names that a pressed key has in the table. */
export function chordsOf({ key, ctrlKey, metaKey, altKey, shiftKey }: PressedKey): string[] {
  const name = key.length === 1 ? key.toUpperCase() : key
  const rest = `${altKey ? 'Alt ' : ''}${shiftKey ? 'Shift ' : ''}${name}`
  if (ctrlKey) return [`Mod ${rest}`, `Ctrl ${rest}`]
  return [metaKey ? `Mod ${rest}` : rest]
}

/** The command of a key that was pressed after `before` (the chord before it, if that was a moment ago). */
export function commandOf(pressed: PressedKey, before: string | undefined, place: FocusPlace): ShortcutId | undefined {
  const chords = chordsOf(pressed)
  const wanted = [...chords, ...(before === undefined ? [] : chords.map(chord => `${before} ${chord}`))]
  const holds = (mode: ShortcutMode, key: string) =>
    mode === 'page' ||
    (place === 'item' && mode !== 'editor') ||
    (place === 'elsewhere' && mode === 'body' && key.includes(' '))
  return table.find(([, { keys, mode }]) => keys.some(key => wanted.includes(key) && holds(mode, key)))?.[0]
}

/** Whether a chord begins a sequence, so that it means nothing alone. */
export const beginsSequence = (chord: string): boolean =>
  table.some(([, { keys }]) => keys.some(key => isSequence(key) && key.startsWith(`${chord} `)))

const isSequence = (keys: string): boolean => !/^(?:Mod|Ctrl|Alt|Shift) /.test(keys) && keys.includes(' ')

/** As the list of shortcuts shows it. */
export const keysOf = (id: string): string | undefined =>
  Object.hasOwn(shortcuts, id) ? shortcuts[id as ShortcutId].keys.join(' / ') : undefined
