/**
 * A CodeMirror editor over a text that somebody else owns. It reports what the user changes and takes what others
 * change; it knows neither Yjs nor notebooks. This module and what it imports are the lazy chunk.
 */
import { closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete'
import { defaultKeymap, indentWithTab } from '@codemirror/commands'
import { bracketMatching, indentOnInput, indentUnit } from '@codemirror/language'
import { Annotation, Compartment, EditorState, type Extension, Prec } from '@codemirror/state'
import { drawSelection, EditorView, type KeyBinding, keymap, lineNumbers, placeholder } from '@codemirror/view'
import type { Change } from '@meshbook/core/text/text-delta.ts'
import { type Assistant, assistance, showDocumentation } from './assist.ts'
import { highlightingFor } from './languages.ts'
import { type Caret, caretsShown, showCarets } from './remote-carets.ts'
import { editorLook } from './theme.ts'

export interface EditorOptions {
  parent: HTMLElement
  text: string
  /** Undefined for prose. */
  language: string | undefined
  label: string
  hint?: string
  assistant?: Assistant
  /** What the user changed, in ascending order, in coordinates of the text before. */
  onChange(changes: Change[]): void
  onFocus(focused: boolean): void
  /** Where the cursor is; undefined when it is elsewhere. */
  onSelect(range: { anchor: number; head: number } | undefined): void
  lineNumbers: boolean
  keys: EditorKeys
}

export interface EditorKeys {
  run(): void
  runAndAdvance(): void
  runAndInsert(): void
  escape(): void
  undo(): void
  redo(): void
  /** The cursor would leave the text upwards or downwards. Answers whether it went somewhere. */
  leave(direction: 'up' | 'down'): boolean
}

export interface Editor {
  text(): string
  apply(changes: readonly Change[]): void
  setLanguage(language: string): void
  setLineNumbers(shown: boolean): void
  /** Carets of other people. */
  setCarets(carets: readonly Caret[]): void
  /** Selects a range without taking the focus. */
  show(from: number, to: number): void
  focus(at?: 'start' | 'end' | number): void
  destroy(): void
}

const fromOutside = Annotation.define<boolean>()

export function createEditor(options: EditorOptions): Editor {
  const language = new Compartment()
  const numbers = new Compartment()
  let destroyed = false
  const view = new EditorView({
    parent: options.parent,
    state: EditorState.create({
      doc: options.text,
      extensions: [numbers.of(numbersIf(options.lineNumbers)), extensionsOf(options), language.of([])],
    }),
  })
  const setLanguage = (name: string) => {
    highlightingFor(name).then(
      highlighting => destroyed || view.dispatch({ effects: language.reconfigure(highlighting) }),
      () => undefined, // Code without colours is still code.
    )
  }
  if (options.language !== undefined) setLanguage(options.language)
  return {
    text: () => view.state.doc.toString(),
    apply: changes => applyTo(view, changes),
    setLanguage,
    setLineNumbers: shown => view.dispatch({ effects: numbers.reconfigure(numbersIf(shown)) }),
    setCarets: carets => showCarets(view, carets),
    show: (from, to) => show(view, from, to),
    focus: at => focus(view, at),
    destroy: () => {
      destroyed = true
      view.destroy()
    },
  }
}

const numbersIf = (shown: boolean): Extension => (shown ? lineNumbers() : [])

function show(view: EditorView, from: number, to: number): void {
  const { length } = view.state.doc
  view.dispatch({ selection: { anchor: Math.min(from, length), head: Math.min(to, length) } })
}

function applyTo(view: EditorView, changes: readonly Change[]): void {
  view.dispatch({ changes: changes.map(change => ({ ...change })), annotations: fromOutside.of(true) })
}

function focus(view: EditorView, at: 'start' | 'end' | number | undefined): void {
  view.focus()
  const { length } = view.state.doc
  if (at !== undefined)
    view.dispatch({
      selection: { anchor: at === 'start' ? 0 : at === 'end' ? length : Math.min(at, length) },
      scrollIntoView: true,
    })
}

function extensionsOf(options: EditorOptions): Extension[] {
  const prose = options.language === undefined
  return [
    Prec.highest(keymap.of(ownKeys(options.keys))),
    options.assistant ? Prec.high(keymap.of([{ key: 'Shift-Tab', run: showDocumentation }])) : [],
    drawSelection(),
    caretsShown,
    indentUnit.of(options.language === 'python' ? '    ' : '  '),
    EditorState.tabSize.of(4),
    prose ? [] : [indentOnInput(), bracketMatching(), closeBrackets()],
    prose || matchMedia('(max-width: 640px)').matches ? EditorView.lineWrapping : [],
    options.hint === undefined ? [] : placeholder(options.hint),
    options.assistant ? assistance(options.assistant) : [],
    // Escape leaves the editor after it has closed a list of completions, whatever is selected.
    keymap.of([
      ...(prose ? [] : [...closeBracketsKeymap, ...completionKeymap]),
      { key: 'Escape', run: does(options.keys.escape) },
      ...defaultKeymap,
      indentWithTab,
    ]),
    EditorView.contentAttributes.of({
      'aria-label': options.label,
      tabindex: '0',
      spellcheck: String(prose),
      autocapitalize: prose ? 'sentences' : 'off',
      autocorrect: 'off',
    }),
    EditorView.updateListener.of(update => {
      if (update.focusChanged) options.onFocus(update.view.hasFocus)
      if (update.focusChanged || update.selectionSet || update.docChanged) tellSelection(update.view, options)
      if (!update.docChanged || update.transactions.every(transaction => transaction.annotation(fromOutside))) return
      const changes: Change[] = []
      update.changes.iterChanges((from, to, _fromB, _toB, insert) =>
        changes.push({ from, to, insert: insert.toString() }),
      )
      options.onChange(changes)
    }),
    editorLook,
  ]
}

function tellSelection(view: EditorView, { onSelect }: EditorOptions): void {
  const { anchor, head } = view.state.selection.main
  onSelect(view.hasFocus ? { anchor, head } : undefined)
}

const does = (run: () => void) => () => {
  run()
  return true
}

function ownKeys(keys: EditorKeys): KeyBinding[] {
  return [
    { key: 'Shift-Enter', run: does(keys.runAndAdvance) },
    { key: 'Mod-Enter', run: does(keys.run) },
    { key: 'Alt-Enter', run: does(keys.runAndInsert) },
    { key: 'Mod-z', run: does(keys.undo), preventDefault: true },
    { key: 'Mod-y', run: does(keys.redo), preventDefault: true },
    { key: 'Mod-Shift-z', run: does(keys.redo), preventDefault: true },
    { key: 'ArrowUp', run: view => atEdge(view, 'up') && keys.leave('up') },
    { key: 'ArrowDown', run: view => atEdge(view, 'down') && keys.leave('down') },
  ]
}

function atEdge(view: EditorView, direction: 'up' | 'down'): boolean {
  const { main } = view.state.selection
  if (!main.empty) return false
  const line = view.state.doc.lineAt(main.head)
  return direction === 'up' ? line.number === 1 : line.number === view.state.doc.lines
}
