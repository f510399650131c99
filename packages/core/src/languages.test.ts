import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalLanguage, commentOf, isRunnable, runtimeFor } from './languages.ts'

test('the names of a language are one language', () => {
  for (const name of ['py', 'Python', 'python3', 'ipython3']) assert.equal(canonicalLanguage(name), 'python')
  for (const name of ['sh', 'bash', 'shell', 'zsh']) assert.equal(canonicalLanguage(name), 'bash')
  for (const name of ['js', 'node', 'mjs']) assert.equal(canonicalLanguage(name), 'javascript')
  assert.equal(canonicalLanguage('ts'), 'typescript')
  assert.equal(canonicalLanguage('jl'), 'julia')
})

test('TypeScript runs in the JavaScript kernel, every other language in its own', () => {
  assert.equal(runtimeFor('ts'), 'javascript')
  assert.equal(runtimeFor('py'), 'python')
  assert.equal(runtimeFor('Haskell'), 'haskell')
})

test('languages that are only shown are not runnable, nor are names that objects inherit', () => {
  for (const name of ['json', 'text', 'mermaid', 'yaml', '', 'constructor', '__proto__', 'toString'])
    assert.equal(isRunnable(name), false)
})

test('a comment begins with the language’s own mark', () => {
  assert.equal(commentOf('ts'), '//')
  assert.equal(commentOf('r'), '#')
  assert.equal(commentOf('unknown'), '#')
})
