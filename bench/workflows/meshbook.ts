/** The hub's own way: what people ask for through `Workflows`, and the executor that takes and carries it on. */
import { newId, type OrgId, type ProjectId, parseRunId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { StepExecutor } from '@meshbook/engine/workflow/ports.ts'
import { RedisWake } from '@meshbook/hub/hubs/redis-wake.ts'
import { tellingStore } from '@meshbook/hub/hubs/telling-store.ts'
import { newLog } from '@meshbook/hub/log.ts'
import { openQueue } from '@meshbook/hub/queue/open-queue.ts'
import type { Requester } from '@meshbook/hub/runs/runs.ts'
import { openStore } from '@meshbook/hub/store/open-store.ts'
import { WorkflowExecutor } from '@meshbook/hub/workflows/executor.ts'
import { Workflows } from '@meshbook/hub/workflows/workflows.ts'
import type { TestDatabase } from '../../tests/postgres.ts'
import { type Contender, stepsPerRun } from './contender.ts'

/** `effect`: each step is begun in the log before it is done; a value is only decided. */
export type StepsOf = 'values' | 'effects'

interface Waiting {
  began(): void
  ended(): void
}

export async function meshbook(database: TestDatabase, redisUrl: string, kind: StepsOf): Promise<Contender> {
  const log = newLog('warn')
  const config = { dataFolder: '', database: { url: database.url, ownerUrl: database.ownerUrl } }
  const opened = await openStore(config, () => undefined)
  const wake = new RedisWake({ url: redisUrl, random: systemRandom, log })
  const store = tellingStore(opened.store, wake)
  const { org, project, requester } = await place(store)
  const waiting = new Map<string, Waiting>()
  const noStep: StepExecutor = {
    estimate: () => null,
    execute: async ({ key, path }) => {
      if (path === 's0') waiting.get(key.split('/', 1)[0]!)?.began()
      return { output: null }
    },
  }
  const none = () => Promise.reject(new Error('no result is large'))
  const queue = await openQueue(
    { database: config.database, redisUrl },
    { times: limits, now: Date.now, random: systemRandom, log },
    org,
  )
  const executor = new WorkflowExecutor({
    ...{ name: 'bench', isAlone: true, queue, store, times: limits, now: Date.now, random: systemRandom, log },
    results: { keep: none, load: none },
    stepsFor: () => noStep,
    appended: ({ id }, { run }) => {
      wake.tell({ type: 'grew', org, run: id })
      if (run?.endedAt != null) waiting.get(id)?.ended()
    },
  })
  const workflows = new Workflows({
    ...{ store, now: Date.now, random: systemRandom },
    wanted: (org, id) => executor.wanted({ org, id }),
  })
  const stop = executor.begin()
  const text = textOf(kind)
  return {
    name: `Meshbook, ${kind}`,
    steps: stepsPerRun,
    run: async began => {
      const id = parseRunId(newId('run', Date.now(), systemRandom))
      const ended = new Promise<void>(resolve => waiting.set(id, { began, ended: resolve }))
      await workflows.submit(org, project, requester, { id, file: 'a.yaml', files: { 'a.yaml': text } })
      await ended
      waiting.delete(id)
    },
    close: async () => {
      await stop()
      await queue.close(limits.queueAnswerMs)
      await wake.close()
      await store.close()
    },
  }
}

type Store = Awaited<ReturnType<typeof openStore>>['store']

async function place(store: Store): Promise<{ org: OrgId; project: ProjectId; requester: Requester }> {
  const id = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, Date.now(), systemRandom)
  const me = { org: id('org'), user: id('user'), name: 'me', now: Date.now(), token: null }
  const { org, user } = await store.call('firstUser', me)
  const newProject = { org, id: id('project'), name: 'demo', owner: 'me', tree: id('document'), now: Date.now() }
  const { project } = await store.call('ensureProject', newProject)
  const requester: Requester = { name: 'me', asker: { org, user }, source: {} }
  return { org, project: project.id, requester }
}

/** A chain: each step needs the one before. */
function textOf(kind: StepsOf): string {
  const does = kind === 'values' ? "transform: '1'" : "http: { url: 'https://x.example/' }"
  const steps = Array.from({ length: stepsPerRun }, (_, i) => `  s${i}: { ${i ? `needs: s${i - 1}, ` : ''}${does} }`)
  return `meshbook: workflow/v1\nname: bench\nsteps:\n${steps.join('\n')}\n`
}
