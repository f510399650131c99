/** How editors look: the tokens of the design system, so that light and dark need no second theme. */
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language'
import { EditorView } from '@codemirror/view'
import { tags as t } from '@lezer/highlight'

const look = EditorView.theme({
  '&': { backgroundColor: 'transparent', color: 'var(--text)', fontSize: 'var(--code-size)' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: 'var(--code-line)', overflowX: 'auto' },
  '.cm-content': { padding: '10px 0', caretColor: 'var(--accent)' },
  '.cm-line': { padding: '0 14px' },
  '.cm-cursor': { borderLeftColor: 'var(--accent)', borderLeftWidth: '2px' },
  '.cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground': {
    backgroundColor: 'light-dark(#dddbfb, #3a3777)',
  },
  // Only where one writes.
  '.cm-matchingBracket': { backgroundColor: 'transparent' },
  '&.cm-focused .cm-matchingBracket': {
    backgroundColor: 'var(--accent-soft)',
    outline: '1px solid var(--line-strong)',
  },
  '.cm-gutters': { backgroundColor: 'transparent', border: '0', color: 'var(--text-3)', fontSize: '0.75rem' },
  '.cm-lineNumbers .cm-gutterElement': { minWidth: '2.4em', padding: '0 4px 0 8px' },
  '.cm-placeholder': { color: 'var(--text-3)' },
  '.cm-tooltip': {
    border: '0',
    borderRadius: '8px',
    backgroundColor: 'var(--bg-raised)',
    color: 'var(--text)',
    boxShadow: '0 0 0 1px var(--shadow-edge), 0 10px 32px -6px var(--shadow-deep)',
    overflow: 'hidden',
  },
  '.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', fontSize: '0.78rem', maxHeight: '14em' },
  '.cm-tooltip-autocomplete > ul > li': { padding: '3px 10px' },
  '.cm-tooltip-autocomplete > ul > li[aria-selected]': {
    backgroundColor: 'var(--accent-fill)',
    color: 'var(--on-accent)',
  },
  '.cm-hover-doc': {
    maxWidth: '560px',
    maxHeight: '300px',
    overflow: 'auto',
    padding: '10px 12px',
    margin: '0',
    fontSize: '0.75rem',
    lineHeight: '1.5',
    whiteSpace: 'pre-wrap',
  },
})

const colours = HighlightStyle.define([
  {
    tag: [t.keyword, t.operatorKeyword, t.controlKeyword, t.definitionKeyword, t.moduleKeyword, t.self],
    color: 'var(--syntax-keyword)',
  },
  { tag: [t.string, t.special(t.string), t.regexp], color: 'var(--syntax-string)' },
  { tag: [t.number, t.bool, t.null, t.atom], color: 'var(--syntax-number)' },
  { tag: [t.comment, t.meta], color: 'var(--syntax-comment)', fontStyle: 'italic' },
  {
    tag: [
      t.function(t.variableName),
      t.function(t.propertyName),
      t.function(t.definition(t.variableName)),
      t.standard(t.name),
    ],
    color: 'var(--syntax-name)',
  },
  { tag: [t.typeName, t.className, t.namespace, t.attributeName], color: 'var(--syntax-type)' },
])

export const editorLook = [look, syntaxHighlighting(colours)]
