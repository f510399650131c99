/** Highlighting by language, each loaded when first needed. */
import { StreamLanguage } from '@codemirror/language'
import type { Extension } from '@codemirror/state'
import { canonicalLanguage } from '@meshbook/core/languages.ts'

type Load = () => Promise<Extension>

const loaders: Record<string, Load> = {
  python: async () => (await import('@codemirror/lang-python')).python(),
  javascript: async () => (await import('@codemirror/lang-javascript')).javascript(),
  typescript: async () => (await import('@codemirror/lang-javascript')).javascript({ typescript: true }),
  bash: async () => StreamLanguage.define((await import('@codemirror/legacy-modes/mode/shell')).shell),
  r: async () => StreamLanguage.define((await import('@codemirror/legacy-modes/mode/r')).r),
  julia: async () => StreamLanguage.define((await import('@codemirror/legacy-modes/mode/julia')).julia),
}

export async function highlightingFor(language: string): Promise<Extension> {
  const load = loaders[canonicalLanguage(language)]
  return load ? await load() : []
}
