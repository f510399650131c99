import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '../limits.ts'
import { demandsOfText, sessionNameOf } from './demands.ts'

const notebook = (yaml: string) => `---\n${yaml}\n---\n# Text\n`

test('a kernelspec is asked for by the cells of its language, as far as that is known without a device', () => {
  const kernel = (yaml: string, language: string) => demandsOfText(notebook(yaml), language).kernel
  assert.equal(kernel('kernelspec: {name: python3}', 'py'), 'python3')
  assert.equal(kernel('kernelspec: {name: python3}', 'bash'), undefined)
  assert.equal(kernel('kernelspec: {name: mine, language: python}', 'python'), 'mine')
  assert.equal(kernel('kernelspec: {name: mine, language: python}', 'r'), undefined)
  assert.equal(kernel('jupyter: mine', 'r'), 'mine')
  assert.equal(kernel('title: x', 'python'), undefined)
})

test('the kernel that is asked for is a part of the session’s name, once, within its length', () => {
  assert.equal(sessionNameOf({}), 'default')
  assert.equal(sessionNameOf({ session: 'shared' }), 'shared')
  const name = sessionNameOf({ session: 'shared', kernel: 'python3' })
  assert.equal(name, 'shared (python3)')
  assert.equal(sessionNameOf({ session: name, kernel: 'python3' }), name, 'what was kept is sent as it is')
  assert.notEqual(sessionNameOf({ kernel: 'ir' }), sessionNameOf({ kernel: 'other' }))
  assert.ok(sessionNameOf({ session: 's'.repeat(100), kernel: 'k'.repeat(100) }).length <= limits.nameChars)
})
