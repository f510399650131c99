/**
 * Durable steps of workflows on PostgreSQL with row level security, next to bare inserts on the same server: appends to
 * many logs at a time, as one statement and as portable ones, and whole runs of no-op steps through the engine.
 * `npm run bench -- workflows [--quick] [--json]`.
 */
import { createHash } from 'node:crypto'
import {
  newId,
  type OrgId,
  type ProjectId,
  parseRunId,
  parseSeq,
  type RunId,
  systemRandom,
} from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { StepExecutor } from '@meshbook/engine/workflow/ports.ts'
import { hubModule } from '@meshbook/hub/store/hub-store.ts'
import type { HubProcedures } from '@meshbook/hub/store/procedures.ts'
import { logged } from '@meshbook/hub/store/run-log.ts'
import { HeldRun } from '@meshbook/hub/workflows/held-run.ts'
import { pinFiles } from '@meshbook/hub/workflows/pin-files.ts'
import { PostgresDatabase } from '@meshbook/relay/sql/postgres-database.ts'
import { migratePostgres } from '@meshbook/relay/sql/postgres-migrate.ts'
import { Pool } from 'pg'
import { TestPostgres } from '../../tests/postgres.ts'

const isQuick = process.argv.includes('--quick')
const runs = isQuick ? 20 : 100
const appendsPerRun = isQuick ? 20 : 100
const stepsPerRun = 5
const asset = 'sha256-'.padEnd(71, '0')

const noStep: StepExecutor = { estimate: () => null, execute: async () => ({ output: null }) }

const undo: (() => unknown)[] = []
const server = await TestPostgres.start({ after: step => void undo.unshift(step) })
try {
  await measure()
} finally {
  for (const step of undo) await step()
}

async function measure(): Promise<void> {
  const { url, ownerUrl } = await server.newDatabase()
  await migratePostgres({ ownerUrl, modules: [hubModule], role: new URL(url).username })
  const store = await PostgresDatabase.open<HubProcedures>({ url, modules: [hubModule] })
  undo.unshift(() => store.close())
  const at = Date.now()
  const id = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, Date.now(), systemRandom)
  const me = { org: id('org'), user: id('user'), name: 'me', now: at, token: null }
  const { org } = await store.call('firstUser', me)
  const newProject = { org, id: id('project'), name: 'demo', owner: 'me', tree: id('document'), now: at }
  const { project } = await store.call('ensureProject', newProject)

  const order = (steps: number) => takenRun(store, org, project.id, steps)
  const figures: Record<string, number> = {}
  figures['bare inserts of one row, 3 connections, commits/s'] = await bareInserts(url, org)

  const event: RunEvent = { type: 'workflow', at, event: { type: 'attempt-began', path: 'a', attempt: 1, group: 1 } }
  // One that names a large result goes the portable way: the same rows, and one more that says who names it.
  const large: RunEvent = {
    ...event,
    event: { type: 'scope-ended', path: 'a[0]', outcome: 'succeeded', output: { asset, bytes: 1 } },
  }
  for (const [name, one] of [
    ['one statement', event],
    ['portable statements', large],
  ] as const)
    for (const most of [1, 50]) {
      const logs = await Promise.all(Array.from({ length: most }, () => order(1)))
      const began = performance.now()
      const count = most === 1 ? appendsPerRun : Math.ceil(appendsPerRun / 5)
      await Promise.all(
        logs.map(async run => {
          for (let i = 1; i <= count; i++)
            await store.call('appendWorkflow', {
              ...{ org, id: run.id, fence: run.fence, first: parseSeq(run.seq + i), events: [logged(one)], now: at },
            })
        }),
      )
      figures[`appends/s, ${name}, ${most} at a time`] = perSecond(most * count, began)
    }

  for (const most of [1, 50]) {
    const count = most === 1 ? Math.ceil(runs / 10) : runs
    const taken = await Promise.all(Array.from({ length: count }, () => order(stepsPerRun)))
    const began = performance.now()
    const next = taken.values()
    await Promise.all(
      Array.from({ length: most }, async () => {
        for (const run of next) await held(store, run).carryOn()
      }),
    )
    figures[`steps/s through the engine, ${most} runs at a time`] = perSecond(count * stepsPerRun, began)
  }
  if (process.argv.includes('--json')) console.log(JSON.stringify(figures))
  else
    for (const [name, figure] of Object.entries(figures))
      console.log(`${String(Math.round(figure)).padStart(8)}  ${name}`)
}

function perSecond(count: number, began: number): number {
  return (count / (performance.now() - began)) * 1_000
}

/** What the server can do at all: a durable row a commit, as the hub's own role. */
async function bareInserts(url: string, org: OrgId): Promise<number> {
  const options = `-c synchronous_commit=on -c meshbook.org=${org}`
  const pool = new Pool({ connectionString: url, max: limits.databaseWriters, options })
  pool.on('error', () => undefined)
  try {
    const began = performance.now()
    const each = appendsPerRun
    const insert = 'INSERT INTO run_events (org_id, run_id, seq, event) VALUES ($1, $2, $3, $4)'
    await Promise.all(
      Array.from({ length: limits.databaseWriters }, async (_, writer) => {
        for (let i = 0; i < each; i++) await pool.query(insert, [org, `bare${writer}`, i, '{"type":"workflow"}'])
      }),
    )
    return perSecond(each * limits.databaseWriters, began)
  } finally {
    await pool.end()
  }
}

type Store = PostgresDatabase<HubProcedures>

async function takenRun(store: Store, org: OrgId, project: ProjectId, steps: number) {
  const lines = Array.from(
    { length: steps },
    (_, i) => `  s${i}: { ${i ? `needs: s${i - 1}, ` : ''}http: { url: 'https://x.example/' } }`,
  )
  const text = `meshbook: workflow/v1\nname: bench\nsteps:\n${lines.join('\n')}\n`
  const { hash: definition, children, texts } = pinFiles('a.yaml', { 'a.yaml': text })
  const now = Date.now()
  const id: RunId = parseRunId(newId('run', now, systemRandom))
  await store.call('createWorkflowRun', {
    ...{ org, id, project, name: 'bench', definition, texts: [...texts], now, requestedBy: 'me', asker: null },
    hash: createHash('sha256').update(id).digest('hex'),
    opening: [{ type: 'workflow', at: now, event: { type: 'began', name: 'bench', definition, children, inputs: {} } }],
    ...{ newSession: newId('session', now, systemRandom), credential: null },
  })
  const leaseUntil = now + limits.leaseMs
  return (await store.call('takeWorkflowRun', { org, id, executor: 'bench', leaseUntil, now: Date.now() }))!
}

function held(store: Store, run: Awaited<ReturnType<typeof takenRun>>): HeldRun {
  const none = () => Promise.reject(new Error('no result is large'))
  return new HeldRun(
    {
      ...{ store: store as never, steps: noStep, times: limits, now: Date.now, random: systemRandom },
      results: { keep: none, load: none },
      appended: () => undefined,
    },
    run,
  )
}
