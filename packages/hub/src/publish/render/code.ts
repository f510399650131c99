/** Code with its words coloured, as static HTML. Unknown languages and very long code stay plain. */

import { canonicalLanguage } from '@meshbook/core/languages.ts'
import { limits } from '@meshbook/core/limits.ts'
import hljs from 'highlight.js/lib/core'
import bash from 'highlight.js/lib/languages/bash'
import c from 'highlight.js/lib/languages/c'
import cpp from 'highlight.js/lib/languages/cpp'
import css from 'highlight.js/lib/languages/css'
import diff from 'highlight.js/lib/languages/diff'
import dockerfile from 'highlight.js/lib/languages/dockerfile'
import go from 'highlight.js/lib/languages/go'
import ini from 'highlight.js/lib/languages/ini'
import java from 'highlight.js/lib/languages/java'
import javascript from 'highlight.js/lib/languages/javascript'
import json from 'highlight.js/lib/languages/json'
import julia from 'highlight.js/lib/languages/julia'
import markdown from 'highlight.js/lib/languages/markdown'
import python from 'highlight.js/lib/languages/python'
import r from 'highlight.js/lib/languages/r'
import rust from 'highlight.js/lib/languages/rust'
import sql from 'highlight.js/lib/languages/sql'
import typescript from 'highlight.js/lib/languages/typescript'
import xml from 'highlight.js/lib/languages/xml'
import yaml from 'highlight.js/lib/languages/yaml'
import { escapeHtml } from './escape.ts'

const grammars = {
  bash,
  c,
  cpp,
  css,
  diff,
  dockerfile,
  go,
  ini,
  java,
  javascript,
  json,
  julia,
  markdown,
  python,
  r,
  rust,
  sql,
  typescript,
  xml,
  yaml,
}
const known = hljs.newInstance()
for (const [name, grammar] of Object.entries(grammars)) known.registerLanguage(name, grammar)

export function codeHtml(code: string, language: string): string {
  const name = canonicalLanguage(language)
  if (code.length > limits.highlightedCodeBytes || !known.getLanguage(name)) return escapeHtml(code)
  return known.highlight(code, { language: name, ignoreIllegals: true }).value
}
