import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkFiles, offsetOf, pathFrom, withChosen } from './checked-files.ts'

const head = 'meshbook: workflow/v1\nname: x\nsteps:\n'
const plain = `${head}  a: { transform: '1' }\n`
const parent = `${head}  a: { workflow: { file: sub/b.yaml } }\n`

test('PO75 faults have file, line and column, of every file that is led to; what is missing is named', () => {
  const { faults, missing, workflow } = checkFiles('a.yaml', {
    'a.yaml': parent,
    'sub/b.yaml': `${head}  a: { transfrom: '1' }\n`,
  })
  assert.ok(workflow)
  assert.ok(faults.length > 0)
  assert.deepEqual([faults[0]!.file, faults[0]!.line], ['sub/b.yaml', 4])
  assert.deepEqual(missing, [])
  assert.deepEqual(checkFiles('a.yaml', { 'a.yaml': parent }).missing, ['sub/b.yaml'])
  assert.deepEqual(checkFiles('a.yaml', { 'a.yaml': plain }), {
    workflow: checkFiles('a.yaml', { 'a.yaml': plain }).workflow,
    faults: [],
    missing: [],
  })
})

test('PO75 files that lead in a circle are looked at once', () => {
  const self = `${head}  a: { workflow: { file: a.yaml } }\n`
  assert.deepEqual(checkFiles('a.yaml', { 'a.yaml': self }).missing, [])
})

test('PO75 of several chosen files the first is the one that no other names, and others take the places where they are missing', () => {
  assert.deepEqual(withChosen('main.yaml', { 'main.yaml': '' }, { 'b.yaml': plain, 'a.yaml': parent }), {
    file: 'a.yaml',
    files: { 'a.yaml': parent, 'sub/b.yaml': plain },
  })
  const later = withChosen('a.yaml', { 'a.yaml': parent }, { 'b.yaml': plain })
  assert.deepEqual(later, { file: 'a.yaml', files: { 'a.yaml': parent, 'sub/b.yaml': plain } })
})

test('PO75 names are read from the file that has them, and places of faults are found in the text', () => {
  assert.equal(pathFrom('sub/a.yaml', '../b.yaml'), 'b.yaml')
  assert.equal(pathFrom('a.yaml', '../b.yaml'), '../b.yaml')
  assert.equal(pathFrom('a/b.yaml', './c/d.yaml'), 'a/c/d.yaml')
  assert.equal(offsetOf('ab\ncd\n', 2, 2), 4)
  assert.equal(offsetOf('ab', 9, 1), 2)
})
