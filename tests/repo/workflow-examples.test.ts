/** The workflows of docs/workflows.md are valid, and run to their end. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stepKinds } from '@meshbook/core/workflow/workflow-schema.ts'
import { foldWorkflow } from '@meshbook/core/workflow/workflow-state.ts'
import { openGates } from '@meshbook/engine/workflow/hear.ts'
import { type Behaviour, WorkflowWorld } from '@meshbook/engine/workflow/testing/workflow-world.ts'
import { read } from './source-files.ts'

const docs = read('docs/workflows.md')
const examples = Array.from(docs.matchAll(/^```yaml\n(meshbook: workflow\/v1\n[\s\S]*?)^```$/gm), ([, text]) => text!)

const behaviour: Behaviour = async ({ kind, input }) => {
  if (kind === 'http') return { output: { status: 200, type: 'application/json', body: { rows: 3 } } }
  return { output: kind === 'prompt' ? { risk: 9 } : input }
}

async function outputOf(text: string): Promise<unknown> {
  const world = new WorkflowWorld({
    files: { 'example.yaml': text },
    behaviour,
    estimate: kind => (kind === 'prompt' ? 1_000 : null),
  })
  let result = await world.start()
  for (const { gate } of openGates(foldWorkflow(world.log).root, ''))
    world.send({
      type: 'decide',
      gate: gate.gate,
      digest: gate.digest,
      verdict: 'approved',
      by: 'you',
      choice: null,
      form: null,
      comment: null,
    })
  if (result.status === 'waits') result = await world.resume()
  const { ended } = result.state
  assert.equal(ended?.outcome, 'completed', JSON.stringify(ended?.error))
  return ended?.output && 'value' in ended.output ? ended.output.value : undefined
}

test('the workflows of docs/workflows.md run to their end', async () => {
  assert.equal(examples.length, 2)
  assert.equal(await outputOf(examples[0]!), '2 greeted')
  const { done, tell } = (await outputOf(examples[1]!)) as { done: unknown; tell: unknown }
  assert.deepEqual([done, tell], [{ title: 'Reviewed eu' }, undefined])
})

test('docs/workflows.md names every kind of step', () => {
  for (const kind of stepKinds) assert.ok(docs.includes(`\`${kind}\``), kind)
})
