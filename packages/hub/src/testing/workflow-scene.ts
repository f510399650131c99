/** A hub on which workflows are run, and what tests ask of their runs. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Gate } from '@meshbook/core/api.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { WorkflowRun } from '@meshbook/core/workflows-api.ts'
import { startTestHub, type TestHub, type TestHubOptions } from './test-hub.ts'
import { until } from './until.ts'

export interface WorkflowScene extends TestHub {
  run(
    steps: string,
    more?: { inputs?: object; files?: Record<string, string>; id?: string; head?: string },
  ): Promise<string>
  show(id: string): Promise<WorkflowRun>
  ended(id: string, status?: string): Promise<WorkflowRun>
  waits(id: string, what: string): Promise<void>
  log(id: string): Promise<RunEvent[]>
  output(id: string): Promise<unknown>
  gate(id: string): Promise<Gate>
}

export async function workflowScene(t: TestContext, options: TestHubOptions = {}): Promise<WorkflowScene> {
  const hub = await startTestHub(t, { ...options, limits: { workflowDueMs: 100, ...options.limits } })
  const scene: WorkflowScene = Object.assign(hub, {
    async run(steps: string, { inputs = {}, files = {}, id, head = '' }: Parameters<WorkflowScene['run']>[1] = {}) {
      const text = `meshbook: workflow/v1\nname: demo\n${head}${head && '\n'}steps:\n${steps}`
      const body = { file: 'a.yaml', files: { 'a.yaml': text, ...files }, inputs, ...(id && { id }) }
      return (await hub.json<WorkflowRun>('POST', '/workflow-runs', body)).id
    },
    show: (id: string) => hub.json<WorkflowRun>('GET', `/workflow-runs/${id}`),
    async ended(id: string, status = 'completed') {
      await until(async () => (await scene.show(id)).endedAt !== null)
      const run = await scene.show(id)
      assert.equal(run.status, status, JSON.stringify(run.error))
      return run
    },
    waits: (id: string, what: string) => until(async () => (await scene.show(id)).waits.includes(what)),
    async log(id: string) {
      const text = await (await hub.api('GET', `/runs/${id}/events`)).text()
      return [...text.matchAll(/^data: (.*)$/gm)].flatMap(([, data]) => {
        const read = JSON.parse(data!) as { event?: RunEvent } & RunEvent
        return [read.type === 'workflow' || !read.event ? read : read.event]
      }) as RunEvent[]
    },
    async output(id: string) {
      const log = await scene.log(id)
      const end = log.findLast(event => event.type === 'workflow' && event.event.type === 'ended') as {
        event: { output?: { value: unknown } }
      }
      return end.event.output?.value
    },
    async gate(id: string) {
      let found: Gate | undefined
      await until(async () => {
        const { items } = await hub.json<{ items: Gate[] }>('GET', `/gates?state=open&run=${id}`)
        found = items[0]
        return found !== undefined
      })
      return hub.json<Gate>('GET', `/gates/${found!.id}`)
    },
  })
  return scene
}

/** What decides a gate as it was shown. */
export const approve = (gate: Gate, more: object = {}) => ({
  ...{ decision: 'approved', digest: gate.digest, nonce: gate.nonce },
  ...more,
})
