/** What the bundle leaves out of modules that a page needs a part of. Each says why; what is no longer as it was ends the build. */
import { errors } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Plugin } from 'vite'

/** The limits as the numbers that they are: of the whole catalogue, a page needs a few. */
export const plainLimits: Plugin = {
  name: 'plain-limits',
  enforce: 'pre',
  transform(code, id) {
    if (!/import \{ limits \} from '[^']*\/limits\.ts'/.test(code) || !/\.tsx?$/.test(id)) return undefined
    const known = limits as Readonly<Record<string, unknown>>
    return code.replace(/(?<![\w$.])limits\.(\w+)/g, (found, name: string) =>
      typeof known[name] === 'number' ? `(${known[name]})` : found,
    )
  },
}

/** A schema that nobody parses with is left out: what makes one has no effect, which the bundler cannot know. */
export const schemasWhenUsed: Plugin = {
  name: 'schemas-when-used',
  enforce: 'pre',
  transform(code, id) {
    if (!id.endsWith('.ts') || !/import \* as v from 'valibot'/.test(code)) return undefined
    return code.replace(
      /(?<![\w$.])v\.(?!is\b|parse\b|safeParse\b|assert\b|getDotPath\b)\w+(?:<[^()]*?>)?\(/g,
      '/* @__PURE__ */ $&',
    )
  },
}

/**
 * Of `marked` the lexer alone: its renderer, and the singleton that holds on to it, are a third of it and not used here.
 * Another release of it may be written otherwise, which ends the build.
 */
export const lexerAlone: Plugin = {
  name: 'lexer-alone',
  enforce: 'pre',
  transform(code, id) {
    if (!id.endsWith('/marked/lib/marked.esm.js')) return undefined
    const singleton = /;var (\w+)=new \w+;function \w+\(\w+,\w+\)\{return \1\.parse\(/.exec(code)
    const lexer = /export\{.*?(\w+) as Lexer\b/.exec(code)?.[1]
    if (!singleton || !lexer) throw new Error('marked is not built as it was: look at lexerAlone again')
    return `${code.slice(0, singleton.index)};export{${lexer} as Lexer};`
  },
}

/** Errors that a page speaks of without an answer of the hub that has the words, or by the number of a closed socket alone. */
const spokenHere = new Set(['INTERNAL', 'TIMEOUT', 'UNREACHABLE', 'BAD_ID', 'CONFLICT'])
const textsId = '\0error-texts'

/**
 * Of the catalogue of errors all codes, and the words of those that must be there without the hub; it sends the words
 * with every answer. All of them are a chunk of its own, `virtual:error-texts`.
 */
export const fewErrorTexts: Plugin = {
  name: 'few-error-texts',
  enforce: 'pre',
  resolveId: id => (id === 'virtual:error-texts' ? textsId : undefined),
  load: id => (id === textsId ? `export const texts = ${JSON.stringify(wordsOf(() => true))}` : undefined),
  transform(code, id) {
    if (!id.endsWith('/core/src/errors.ts')) return undefined
    const catalogue = /const catalogue = \{[\s\S]*?\n\} as const satisfies/
    if (!catalogue.test(code))
      throw new Error('the catalogue of errors is not written as it was: look at fewErrorTexts')
    return code.replace(catalogue, () => `const catalogue = ${shortCatalogue()} as const satisfies`)
  },
}

function wordsOf(chosen: (code: string) => boolean): Record<string, [message: string, hint: string]> {
  const known = Object.entries(errors).filter(([code]) => chosen(code))
  return Object.fromEntries(known.map(([code, { message, hint }]) => [code, [message, hint]]))
}

/** The others under a sentence that is true of each. */
function shortCatalogue(): string {
  const entries = Object.entries(errors)
  const isSpoken = (code: string) => spokenHere.has(code) || errors[code as keyof typeof errors].close !== undefined
  const spoken = entries.filter(([code]) => isSpoken(code))
  const full = spoken.map(([code, { message, hint, close, retry }]) => [code, { message, hint, close, retry }])
  const others = entries.filter(([code]) => !isSpoken(code))
  const codes = (retry: string) => others.filter(([, entry]) => entry.retry === retry).map(([code]) => code)
  const named = ['never', 'backoff', 'after-auth'].map(
    retry =>
      `...Object.fromEntries('${codes(retry).join(' ')}'.split(' ').map(code => [code, { ...unnamed, retry: '${retry}' }]))`,
  )
  const unnamed = `{ message: 'That did not work', hint: '' }`
  return `((unnamed) => ({ ${named.join(', ')}, ...${JSON.stringify(Object.fromEntries(full))} }))(${unnamed})`
}

const here = '\0browser-environment.js'

/** What lib0 asks about where it runs: in a page there is one answer, and no command line to look for it. */
export const oneEnvironment: Plugin = {
  name: 'one-environment',
  enforce: 'pre',
  resolveId: (source, importer) =>
    source === 'lib0/environment' || (source === './environment.js' && importer?.includes('/lib0/')) ? here : undefined,
  load: id => (id === here ? 'export const isBrowser = true\nexport const getVariable = () => null' : undefined),
}

/** Every browser that this page is built for reads the first of the three formats that KaTeX offers each font in. */
export const oneFontFormat: Plugin = {
  name: 'one-font-format',
  generateBundle: {
    order: 'post',
    handler(_options, bundle) {
      for (const [name, file] of Object.entries(bundle)) {
        if (file.type !== 'asset') continue
        if (/\.(?:woff|ttf)$/.test(name)) delete bundle[name]
        if (/katex[^/]*\.css$/.test(name)) file.source = firstFormats(Buffer.from(file.source).toString())
      }
    },
  },
}

function firstFormats(css: string): string {
  const first = css.replaceAll(/,\s*url\([^)]+\.(?:woff|ttf)\)\s*format\("?(?:woff|truetype)"?\)/g, '')
  if (/\.(?:woff|ttf)\b/.test(first)) throw new Error('KaTeX names its fonts otherwise: look at oneFontFormat')
  return first
}
