import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isIntricate } from './intricate.ts'

const hostile: Record<string, string> = {
  'one long address': `${'a.'.repeat(2_000)}@`,
  'a run of underscores': 'a_'.repeat(2_000),
  'quotes in quotes': `${'> '.repeat(2_000)}a`,
  'quotes without spaces': `${'>'.repeat(500)}a`,
  'lists in lists on a line': `${'- '.repeat(2_000)}a`,
  'lists in lists by indentation': Array.from({ length: 60 }, (_, at) => `${' '.repeat(2 * at)}- a`).join('\n'),
  'formulas without number': '$a$ '.repeat(10_000),
  'brackets without end': '[a '.repeat(10_000),
  'emphasis without end': '*a **b '.repeat(10_000),
  'tags without end': '<a '.repeat(10_000),
  'a book': 'word '.repeat(100_000),
}

test('OU15 what a parser of Markdown goes over for seconds is known before it is tried', () => {
  for (const [name, text] of Object.entries(hostile)) assert.ok(isIntricate(text), name)
})

const plain: Record<string, string> = {
  nothing: '',
  'a long address': `See https://example.org/?${'key=value&'.repeat(60)}.`,
  'an embedded image': `![plot](data:image/png;base64,${'QUJD'.repeat(50_000)})`,
  'a deep list': Array.from({ length: 8 }, (_, at) => `${' '.repeat(2 * at)}- level ${at}`).join('\n'),
  'many lists': Array.from({ length: 2_000 }, (_, at) => `${at % 2 ? '  ' : ''}- item *${at}*`).join('\n'),
  'a long table': `| a | b |\n|---|---|\n${'| 1 | `x` |\n'.repeat(1_000)}`,
  formulas: 'The value of $x$ is $y$. '.repeat(500),
  'a long text': 'A paragraph of some words, with *marks* here and there.\n\n'.repeat(1_500),
}

test('OU15 what people write is not taken for that', () => {
  for (const [name, text] of Object.entries(plain)) assert.ok(!isIntricate(text), name)
})

test('OU15 the documents of this repository are ordinary', () => {
  const docs = join(import.meta.dirname, '../../../../docs')
  const files = readdirSync(docs).filter(name => name.endsWith('.md'))
  assert.ok(files.length > 0)
  for (const name of files) assert.ok(!isIntricate(readFileSync(join(docs, name), 'utf8')), name)
})
