import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as v from 'valibot'
import {
  linkSchema,
  newDeviceSchema,
  newDocumentSchema,
  newProjectSchema,
  newTicketSchema,
  pathSchema,
  runInputSchema,
  runStatuses,
} from './api.ts'
import { newId, systemRandom } from './ids.ts'
import { limits } from './limits.ts'
import { hasEnded } from './run.ts'

const project = newId('project', 1, systemRandom)
const document = newId('document', 1, systemRandom)

test('S11 a path in a body comes out in its normal form, or is refused', () => {
  assert.equal(v.parse(pathSchema, 'e\u0301/a.md'), '\u00e9/a.md')
  for (const path of ['../a', '/a', 'a\u0000', '', 7]) assert.equal(v.is(pathSchema, path), false)
})

test('a project name begins with a letter or digit and holds nothing that a path or page could trip over', () => {
  for (const name of ['demo', 'Ünï 2.0', 'a_b-c']) assert.ok(v.is(newProjectSchema, { name }), name)
  for (const name of ['', ' ', '.a', '-a', 'a/b', 'a\\b', '<b>', 'a\nb', 'x'.repeat(limits.nameChars + 1)])
    assert.equal(v.is(newProjectSchema, { name }), false, name)
})

test('I10 bodies are capped: content, input and codes', () => {
  assert.ok(v.is(newDocumentSchema, { project, path: 'a.md', content: 'x' }))
  assert.equal(
    v.is(newDocumentSchema, { project, path: 'a.md', content: 'x'.repeat(limits.requestBodyBytes + 1) }),
    false,
  )
  assert.equal(v.is(runInputSchema, { text: 'x'.repeat(limits.inputBytes + 1) }), false)
  assert.equal(v.is(linkSchema, { code: 'x'.repeat(101) }), false)
})

test('a ticket is for one document or one project, with one scope', () => {
  assert.ok(v.is(newTicketSchema, { document, scope: 'run' }))
  assert.ok(v.is(newTicketSchema, { project, scope: 'read' }))
  for (const body of [{ scope: 'run' }, { document, scope: 'own' }, { document: project, scope: 'run' }])
    assert.equal(v.is(newTicketSchema, body), false)
})

test('a device is registered by the 32 bytes of its key and nothing else', () => {
  const device = { publicKey: 'A'.repeat(43), name: 'Studio', kind: 'desktop' }
  assert.ok(v.is(newDeviceSchema, device))
  for (const publicKey of ['A'.repeat(42), 'A'.repeat(44), `${'A'.repeat(42)}=`, `${'A'.repeat(42)}+`])
    assert.equal(v.is(newDeviceSchema, { ...device, publicKey }), false)
})

test('the states of a run that the API names are those of the state machine', () => {
  assert.deepEqual(runStatuses.filter(hasEnded), ['completed', 'failed', 'cancelled', 'interrupted'])
})
