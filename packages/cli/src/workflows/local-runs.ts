/**
 * Runs of workflows on this machine, in one SQLite file: their logs, pinned definitions, large results, and what was sent
 * to them. Several processes use it at once; each run is carried on by one, which holds a lock that ends with it.
 */
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { type RunEvent, runEventSchema } from '@meshbook/core/run.ts'
import { workflowEventSchema } from '@meshbook/core/workflow/workflow-events.ts'
import type { WorkflowState } from '@meshbook/core/workflow/workflow-state.ts'
import type { PinnedFiles } from '@meshbook/engine/workflow/pinned-files.ts'
import type { Concurrency, Inbox, ResultAssets, WorkflowLog } from '@meshbook/engine/workflow/ports.ts'
import { type Sent, sentSchema } from '@meshbook/engine/workflow/sent.ts'
import { lockFile, prepareFolder, SqliteConnection } from '@meshbook/relay/sql/sqlite-connection.ts'
import { storageErrorOf } from '@meshbook/relay/sql/sqlite-error.ts'
import type { Schema, SqlValue, Tx } from '@meshbook/relay/sql/tx.ts'
import * as v from 'valibot'

const schema: Schema = {
  name: 'workflows',
  migrations: [
    `CREATE TABLE workflow_definitions (org_id TEXT NOT NULL, hash TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (org_id, hash));
    CREATE TABLE workflow_runs (org_id TEXT NOT NULL, run_id TEXT NOT NULL, name TEXT NOT NULL, file TEXT NOT NULL, status TEXT NOT NULL, waits TEXT NOT NULL, fence BIGINT NOT NULL, began_at BIGINT NOT NULL, ended_at BIGINT, PRIMARY KEY (org_id, run_id));
    CREATE TABLE workflow_events (org_id TEXT NOT NULL, run_id TEXT NOT NULL, seq BIGINT NOT NULL, event TEXT NOT NULL, PRIMARY KEY (org_id, run_id, seq));
    CREATE TABLE workflow_results (org_id TEXT NOT NULL, asset_id TEXT NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (org_id, asset_id));
    CREATE TABLE workflow_inbox (org_id TEXT NOT NULL, run_id TEXT NOT NULL, inbox BIGINT NOT NULL, gate TEXT, item TEXT NOT NULL, PRIMARY KEY (org_id, run_id, inbox), UNIQUE (org_id, run_id, gate));
    CREATE TABLE workflow_places (org_id TEXT NOT NULL, place_key TEXT NOT NULL, run_id TEXT NOT NULL, PRIMARY KEY (org_id, place_key, run_id));`,
  ],
}

const org = 'local'
const lookMs = 150

export interface LocalRun {
  id: string
  name: string
  file: string
  status: 'running' | 'completed' | 'failed' | 'cancelled'
  waits: string
  beganAt: number
  endedAt: number | null
}

type Unsent<T> = T extends unknown ? Omit<T, 'inbox'> : never
export type NewSent = Unsent<Sent>

export class LocalRuns {
  readonly #folder: string
  readonly #db: SqliteConnection
  #last: Promise<unknown> = Promise.resolve()

  constructor(folder: string) {
    this.#folder = join(folder, 'workflows')
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    const file = join(this.#folder, 'runs.db')
    prepareFolder(file)
    for (const one of [file, `${file}.lock`]) chmodSync(one, 0o600)
    this.#db = new SqliteConnection(file, { readOnly: false })
    this.#db.migrate([schema])
  }

  close(): void {
    this.#db.close()
  }

  /** All of it or nothing, on disk when this resolves; whoever writes is waited for, here and in another process. */
  #write<T>(act: (tx: Tx) => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => this.#transact(act))
    this.#last = turn.catch(() => undefined)
    return turn
  }

  async #transact<T>(act: (tx: Tx) => Promise<T>): Promise<T> {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      const result = await act(this.#db.tx)
      this.#db.exec('COMMIT')
      return result
    } catch (thrown) {
      this.#db.exec('ROLLBACK')
      throw storageErrorOf(thrown, this.#folder) ?? thrown
    }
  }

  async create(id: string, name: string, file: string, pinned: PinnedFiles, at: number): Promise<void> {
    await this.#write(async tx => {
      for (const [hash, text] of pinned.texts)
        await tx.run('INSERT INTO workflow_definitions (org_id, hash, text) VALUES (?, ?, ?) ON CONFLICT DO NOTHING', [
          org,
          hash,
          text,
        ])
      await tx.run(
        "INSERT INTO workflow_runs (org_id, run_id, name, file, status, waits, fence, began_at, ended_at) VALUES (?, ?, ?, ?, 'running', '', 0, ?, NULL)",
        [org, id, name, file, at],
      )
    })
  }

  async list(): Promise<LocalRun[]> {
    return this.#db.tx.all<LocalRun>(`${runColumns} WHERE org_id = ? ORDER BY began_at DESC LIMIT 200`, [org])
  }

  async has(id: string): Promise<boolean> {
    return (await this.#find(id)) !== undefined
  }

  async get(id: string): Promise<LocalRun> {
    const run = await this.#find(id)
    if (run) return run
    throw new MeshError('NOT_FOUND', {
      detail: `no run ${id} on this machine; \`meshbook workflow runs\` lists them, with \`--execution cloud\` those of the hub`,
    })
  }

  #find(id: string): Promise<LocalRun | undefined> {
    return this.#db.tx.get<LocalRun>(`${runColumns} WHERE org_id = ? AND run_id = ?`, [org, id])
  }

  async events(id: string): Promise<RunEvent[]> {
    const rows = await this.#db.tx.all<{ event: string }>(
      'SELECT event FROM workflow_events WHERE org_id = ? AND run_id = ? ORDER BY seq',
      [org, id],
    )
    return rows.map(({ event }) => eventOf(event))
  }

  async pinned(log: readonly RunEvent[]): Promise<PinnedFiles> {
    const [first] = log
    if (first?.type !== 'workflow' || first.event.type !== 'began')
      throw new MeshError('INTERNAL', { detail: 'the log does not begin' })
    const { definition, children } = first.event
    const texts = new Map<string, string>()
    for (const hash of new Set([definition, ...children.map(child => child.definition)])) {
      const row = await this.#db.tx.get<{ text: string }>(
        'SELECT text FROM workflow_definitions WHERE org_id = ? AND hash = ?',
        [org, hash],
      )
      if (row) texts.set(hash, row.text)
    }
    return { hash: definition, texts, children }
  }

  /** Throws DATA_IN_USE where another process carries it on. What it returns ends that. */
  hold(id: string): () => void {
    const file = join(this.#folder, id)
    try {
      return lockFile(file)
    } catch (thrown) {
      if (thrown instanceof MeshError && thrown.code === 'DATA_IN_USE')
        throw new MeshError('DATA_IN_USE', { detail: `another process carries on the run ${id}`, cause: thrown })
      throw thrown
    }
  }

  isHeld(id: string): boolean {
    try {
      this.hold(id)()
      return false
    } catch (thrown) {
      if (thrown instanceof MeshError && thrown.code === 'DATA_IN_USE') return true
      throw thrown
    }
  }

  /** The log under a new fence: who had it before writes no more. */
  async log(id: string, written: number): Promise<WorkflowLog> {
    const fence = await this.#write(async tx => {
      await tx.run('UPDATE workflow_runs SET fence = fence + 1 WHERE org_id = ? AND run_id = ?', [org, id])
      const row = await tx.get<{ fence: number }>('SELECT fence FROM workflow_runs WHERE org_id = ? AND run_id = ?', [
        org,
        id,
      ])
      return row!.fence
    })
    let seq = written
    return {
      append: async events => {
        await this.#write(async tx => {
          const row = await tx.get<{ fence: number }>(
            'SELECT fence FROM workflow_runs WHERE org_id = ? AND run_id = ?',
            [org, id],
          )
          if (row?.fence !== fence) throw new MeshError('STALE_FENCE', { detail: id })
          for (const [i, event] of events.entries()) await this.#append(tx, id, seq + 1 + i, event)
        })
        seq += events.length
      },
    }
  }

  async #append(tx: Tx, id: string, seq: number, event: RunEvent): Promise<void> {
    const values: SqlValue[] = [org, id, seq, JSON.stringify(event)]
    await tx.run('INSERT INTO workflow_events (org_id, run_id, seq, event) VALUES (?, ?, ?, ?)', values)
    const isEnd = event.type === 'completed' || event.type === 'failed' || event.type === 'cancelled'
    if (!isEnd) return
    await tx.run("UPDATE workflow_runs SET status = ?, waits = '', ended_at = ? WHERE org_id = ? AND run_id = ?", [
      event.type,
      event.at,
      org,
      id,
    ])
    await tx.run('DELETE FROM workflow_places WHERE org_id = ? AND run_id = ?', [org, id])
  }

  /** For lists. */
  async noteWaits(id: string, waits: string): Promise<void> {
    await this.#write(tx =>
      tx.run('UPDATE workflow_runs SET waits = ? WHERE org_id = ? AND run_id = ?', [waits, org, id]),
    )
  }

  /** Throws GATE_DECIDED where the gate has a decision already. */
  async send(id: string, item: NewSent): Promise<void> {
    await this.#write(async tx => {
      const gate = item.type === 'decide' ? item.gate : null
      const known =
        gate === null
          ? undefined
          : await tx.get('SELECT 1 AS one FROM workflow_inbox WHERE org_id = ? AND run_id = ? AND gate = ?', [
              org,
              id,
              gate,
            ])
      if (known) throw new MeshError('GATE_DECIDED', { detail: gate! })
      const last = await tx.get<{ last: number | null }>(
        'SELECT MAX(inbox) AS last FROM workflow_inbox WHERE org_id = ? AND run_id = ?',
        [org, id],
      )
      const inbox = (last?.last ?? 0) + 1
      await tx.run('INSERT INTO workflow_inbox (org_id, run_id, inbox, gate, item) VALUES (?, ?, ?, ?, ?)', [
        org,
        id,
        inbox,
        gate,
        sentText({ ...item, inbox } as Sent),
      ])
    })
  }

  inbox(id: string): Inbox {
    let seen = 0
    const after = (from: number): Promise<{ item: string; inbox: number }[]> =>
      this.#db.tx.all(
        'SELECT inbox, item FROM workflow_inbox WHERE org_id = ? AND run_id = ? AND inbox > ? ORDER BY inbox',
        [org, id, from],
      )
    return {
      read: async from => {
        const rows = await after(from)
        seen = Math.max(seen, from, ...rows.map(({ inbox }) => inbox))
        return rows.map(({ item }) => stored(sentSchema, item))
      },
      changed: async signal => {
        while (!signal.aborted && (await after(seen)).length === 0) await sleepOr(lookMs, signal)
      },
    }
  }

  assets(): ResultAssets {
    return {
      store: async bytes => {
        const asset = `sha256-${createHash('sha256').update(bytes).digest('hex')}`
        await this.#write(tx =>
          tx.run('INSERT INTO workflow_results (org_id, asset_id, bytes) VALUES (?, ?, ?) ON CONFLICT DO NOTHING', [
            org,
            asset,
            bytes,
          ]),
        )
        return asset
      },
      load: async asset => {
        const row = await this.#db.tx.get<{ bytes: Uint8Array }>(
          'SELECT bytes FROM workflow_results WHERE org_id = ? AND asset_id = ?',
          [org, asset],
        )
        if (row) return row.bytes
        throw new MeshError('NOT_FOUND', { detail: `the result ${asset}` })
      },
    }
  }

  /** A run holds its place until it has ended, also while no process carries it on. */
  concurrency(id: string): Concurrency {
    return {
      enter: async ({ key, limit, onConflict }, signal) => {
        let isFirst = true
        for (;;) {
          const others = await this.#enter(id, key, limit)
          if (others === null) return 'entered'
          if (onConflict === 'reject') return 'refused'
          if (onConflict === 'replace' && isFirst)
            for (const other of others)
              await this.send(other, { type: 'cancel', by: null, reason: `replaced by ${id}` })
          isFirst = false
          await sleepOr(lookMs, signal)
          signal.throwIfAborted()
        }
      },
    }
  }

  /** Null where the run has its place now, else those that have the places. */
  #enter(id: string, key: string, limit: number): Promise<string[] | null> {
    return this.#write(async tx => {
      const rows = await tx.all<{ id: string }>(
        'SELECT run_id AS id FROM workflow_places WHERE org_id = ? AND place_key = ?',
        [org, key],
      )
      const others = rows.map(row => row.id).filter(one => one !== id)
      if (others.length === rows.length && others.length >= limit) return others
      // One that has ended meanwhile would never give its place back.
      await tx.run(
        "INSERT INTO workflow_places (org_id, place_key, run_id) SELECT org_id, ?, run_id FROM workflow_runs WHERE org_id = ? AND run_id = ? AND status = 'running' ON CONFLICT DO NOTHING",
        [key, org, id],
      )
      return null
    })
  }
}

/** A comment that is too long, for example, is refused before it is stored. */
function sentText(item: Sent): string {
  const { success, output, issues } = v.safeParse(sentSchema, item)
  if (!success) throw new MeshError('BAD_REQUEST', { detail: issues[0].message })
  const text = JSON.stringify(output)
  if (text.length <= limits.workflowInlineBytes) return text
  throw new MeshError('TOO_LARGE', {
    detail: `what is sent to a run has at most ${limits.workflowInlineBytes / 1024} KiB`,
  })
}

function stored<T>(schema: v.GenericSchema<unknown, T>, text: string): T {
  return checked(schema, JSON.parse(text))
}

function checked<T>(schema: v.GenericSchema<unknown, T>, value: unknown): T {
  const { success, output } = v.safeParse(schema, value)
  if (success) return output
  throw new MeshError('DATA_TOO_NEW', { detail: 'an entry of a workflow run is not understood' })
}

function eventOf(text: string): RunEvent {
  const event = stored(runEventSchema, text)
  return event.type === 'workflow' ? { ...event, event: checked(workflowEventSchema, event.event) } : event
}

const runColumns =
  'SELECT run_id AS id, name, file, status, waits, began_at AS "beganAt", ended_at AS "endedAt" FROM workflow_runs'

async function sleepOr(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch((thrown: unknown) => {
    if (!signal.aborted) throw thrown
  })
}

/** What a run waits for, for lists: nothing while something goes on. */
export function waitsText(waits: readonly string[], state: WorkflowState): string {
  return state.ended ? '' : waits.join(', ')
}
