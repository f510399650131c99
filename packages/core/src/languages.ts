/**
 * The one table of languages: which fences are cells, which names mean the same language, and which language's kernel
 * runs it. A kernel adapter adds its language here.
 */
interface Language {
  /** Other names of it on a fence or in a kernelspec. */
  aliases: readonly string[]
  /** The language whose kernel runs it, where that is another one. */
  runtime?: string
  /** What begins a comment up to the end of the line. */
  comment: string
}

const languages = {
  python: { aliases: ['py', 'python3', 'ipython', 'ipython3'], comment: '#' },
  bash: { aliases: ['sh', 'shell', 'zsh'], comment: '#' },
  javascript: { aliases: ['js', 'node', 'mjs'], comment: '//' },
  typescript: { aliases: ['ts', 'mts'], runtime: 'javascript', comment: '//' },
  r: { aliases: ['ir'], comment: '#' },
  julia: { aliases: ['jl'], comment: '#' },
} as const satisfies Record<string, Language>

export type KnownLanguage = keyof typeof languages

const byName = new Map<string, KnownLanguage>(
  (Object.keys(languages) as KnownLanguage[]).flatMap(
    name =>
      [[name, name], ...languages[name].aliases.map(alias => [alias, name] as const)] as [string, KnownLanguage][],
  ),
)

/** Whether a plain fence with this name is a cell. */
export function isRunnable(name: string): boolean {
  return byName.has(name.toLowerCase())
}

/** `py` and `python3` are `python`; a name that is not in the table is itself, in lower case. */
export function canonicalLanguage(name: string): string {
  return byName.get(name.toLowerCase()) ?? name.toLowerCase()
}

/** The language of the kernel and session that runs it: TypeScript shares JavaScript's. */
export function runtimeFor(name: string): string {
  const known = byName.get(name.toLowerCase())
  if (!known) return name.toLowerCase()
  const language: Language = languages[known]
  return language.runtime ?? known
}

export function commentOf(name: string): string {
  const known = byName.get(name.toLowerCase())
  return known ? languages[known].comment : '#'
}
