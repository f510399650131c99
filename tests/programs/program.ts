/**
 * Random programs as lists of steps, before any language: what they print is the same each time, so that what a document
 * shows of them can be compared byte for byte. Which steps a language has is said in languages.ts.
 */
import type { Chance } from '../soak/random.ts'

export type Step =
  | { do: 'write' | 'error' | 'child' | 'fork'; text: string }
  | { do: 'bytes'; bytes: number[] }
  | { do: 'ask'; prompt: string; answer: string }
  | { do: 'sleep'; ms: number }
  | { do: 'threads'; texts: string[] }
  | { do: 'repeat'; count: number; text: string }
  | { do: 'progress'; frames: number; label: string }
  | { do: 'clear'; wait: boolean }
  | { do: 'value'; text: string }
  | { do: 'fail'; message: string }
  | { do: 'exit'; status: number }

export interface Program {
  language: string
  steps: Step[]
}

const words = [
  'plain words',
  'naïve Grüße – “quotes”',
  '日本語のテキスト',
  // Written so, as an editor would show the line in another order.
  '\u05e2\u05d1\u05e8\u05d9\u05ea \u05d5-\u0639\u0631\u0628\u0649',
  'e\u0301 a\u0308 o\u0302\u0323',
  '👩‍👩‍👧‍👦 🏳️‍🌈 𝕏 🇩🇪',
  '\u200b\u2028zero\u2029\ufeff width',
  'a\tb\tc',
  '| not | a table |',
  '# no heading',
  '--- ',
  '<script>alert(1)</script>',
  '![x](http://example.invalid/x.png)',
  '\u0024{not} {{a}} %s template',
  'trailing spaces   ',
  '',
]
const fences = ['```', '````', '~~~', '```python', '```output:run-1', '   ```', '`````` six', '```output:', '> ```']
const controls = [
  '\x1b[31mred\x1b[0m',
  '\x1b[1;4;38;5;200mbold\x1b[22m thin\x1b[m',
  '\x1b[38;2;1;2;3mtrue colour',
  '\x1b[2K\x1b[1Gerased',
  'abc\b\b\bxy',
  'abcdef\rxyz',
  'one\ntwo\n\x1b[1A\x1b[3Cup',
  '\x1b[2A\x1b[Jgone below',
  '\x1b]0;a title\x07titled',
  '\x1b]8;;http://example.invalid\x1b\\link\x1b]8;;\x1b\\',
  '\x1b[?25l\x1b[?1049hmodes\x1b[?25h',
  '\x1b[999Dfar left',
  '\x1b(B\x1b)0\x1b7\x1b8saved',
  'form\x0bfeed\x0c',
  'bell\x07 \x01\x02 \x7f del',
  '\x1b[',
  'line\r\nline\r\n',
  '\r\r\n\r',
  '\x1b[31',
]

function textOf(chance: Chance): string {
  const pieces = Array.from({ length: chance.between(1, 4) }, () => {
    const share = chance.next()
    if (share < 0.45) return chance.pick(words)
    if (share < 0.6) return `\n${chance.pick(fences)}\n`
    if (share < 0.9) return chance.pick(controls)
    return chance.pick(['x', 'word ', '█▌', '\u0301']).repeat(chance.between(1, 200))
  })
  return pieces.join(chance.pick(['', ' ', '\n'])) + chance.pick(['\n', '\n', '\n', ''])
}

const weights: readonly [weight: number, make: (chance: Chance) => Step][] = [
  [10, chance => ({ do: 'write', text: textOf(chance) })],
  [3, chance => ({ do: 'error', text: textOf(chance) })],
  [2, chance => ({ do: 'bytes', bytes: [...chance.bytes(chance.between(1, 40))] })],
  [
    1,
    chance => ({ do: 'ask', prompt: chance.pick(['Name? ', 'Grüße: ', '> ']), answer: chance.pick(['Ada', 'ü', '']) }),
  ],
  [3, chance => ({ do: 'sleep', ms: chance.between(1, 60) })],
  [1, chance => ({ do: 'threads', texts: Array.from({ length: chance.between(2, 4) }, () => textOf(chance)) })],
  [1, chance => ({ do: 'fork', text: textOf(chance) })],
  [1, chance => ({ do: 'child', text: textOf(chance) })],
  [2, chance => ({ do: 'repeat', count: chance.between(2, 300), text: chance.pick(words) })],
  [2, chance => ({ do: 'progress', frames: chance.between(5, 200), label: chance.pick(words) })],
  [0.5, chance => ({ do: 'clear', wait: chance.next() < 0.5 })],
  [1, chance => ({ do: 'value', text: textOf(chance) })],
]
const total = weights.reduce((sum, [weight]) => sum + weight, 0)

function stepOf(chance: Chance): Step {
  let share = chance.next() * total
  for (const [weight, make] of weights) {
    share -= weight
    if (share < 0) return make(chance)
  }
  return { do: 'sleep', ms: 1 }
}

export function programOf(chance: Chance, languages: readonly string[]): Program {
  const steps = Array.from({ length: chance.between(1, 8) }, () => stepOf(chance))
  if (chance.next() < 0.02)
    steps.push({ do: 'repeat', count: chance.between(5_000, 9_000), text: 'more than is shown' })
  const share = chance.next()
  if (share < 0.1) steps.push({ do: 'fail', message: textOf(chance).slice(0, 200) })
  else if (share < 0.15) steps.push({ do: 'exit', status: chance.pick([0, 1, 3]) })
  return { language: chance.pick(languages), steps }
}
