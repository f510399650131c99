/** A hub in this process whose task workers are scripts, for tests of what people see of tasks. */
import type { TestContext } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { type GateId, newId, systemRandom } from '@meshbook/core/ids.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { TaskEvent } from '@meshbook/core/task-events.ts'
import type { Task, TaskDiff, TaskFile, TaskFolder } from '@meshbook/core/tasks-api.ts'
import {
  checkpoint,
  commit,
  completed,
  ScriptedSandboxes,
  type ScriptedWorker,
} from '@meshbook/hub/testing/scripted-tasks.ts'
import { startTestHub, type TestHub, type TestHubOptions } from '@meshbook/hub/testing/test-hub.ts'

export const repo = 'https://git.example/me/code.git'
const usage = { inputTokens: 1_200, outputTokens: 80, cacheReadTokens: 0, cacheWriteTokens: 0 }

export interface ToolUse {
  tool: string
  shown: string
  output: string
  ok?: boolean
}

export interface TaskScene {
  it: TestHub
  sandboxes: ScriptedSandboxes
  tasks(): Promise<Task[]>
  give(prompt: string, more?: object): Promise<Task>
  /** Its worker, once it is there and has its order. */
  worker(task: string): Promise<ScriptedWorker>
  /** One answer, with one tool call where one is given. */
  turn(number: number, text: string, use?: ToolUse): TaskEvent[]
  checkpoint(turn: number): TaskEvent
  completed: RunEvent
  /** The agent asks before it uses its shell. */
  approval(shown: string): { gate: GateId; event: RunEvent }
}

export const diffText = `diff --git a/src/sum.ts b/src/sum.ts
index 1111111..2222222 100644
--- a/src/sum.ts
+++ b/src/sum.ts
@@ -1,4 +1,5 @@
 export function sum(a: number, b: number): number {
-  return a - b
+  // Both are added.
+  return a + b
 }
 
`

export async function taskScene(t: TestContext, options: TestHubOptions = {}): Promise<TaskScene> {
  const sandboxes = new ScriptedSandboxes()
  const it = await startTestHub(t, {
    ...options,
    limits: { workerLookMs: 20, ...options.limits },
    taskWork: (hub, accept) => {
      const work = sandboxes.work(hub, accept)
      return {
        ...work,
        delivery: {
          ...work.delivery,
          diff: async ({ state }) => diffOf(state.commit!),
          folder: async ({ state }, path) => folderOf(state.commit, path),
          file: async ({ state }, path) => fileOf(state.commit ?? commit, path),
        },
      }
    },
  })
  return {
    it,
    sandboxes,
    tasks: async () => (await it.json<{ items: Task[] }>('GET', '/tasks')).items,
    give: (prompt, more = {}) => it.json<Task>('POST', '/tasks', { repo, prompt, ...more }),
    worker: async task => (await sandboxes.workerOf(task)).join(),
    turn: turnOf,
    checkpoint: turn => ({ ...checkpoint, turn }) as TaskEvent,
    completed,
    approval,
  }
}

const tree: Record<string, TaskFolder['entries']> = {
  '': [
    { name: 'README.md', kind: 'file', bytes: 19 },
    { name: 'docs', kind: 'module', bytes: null },
    { name: 'latest', kind: 'link', bytes: 9 },
    { name: 'logo.png', kind: 'file', bytes: 20_480 },
    { name: 'build.sh', kind: 'program', bytes: 18 },
    { name: 'src', kind: 'folder', bytes: null },
  ],
  src: [
    { name: 'a-name-that-is-much-longer-than-a-phone-is-wide.generated.snapshot.ts', kind: 'file', bytes: 0 },
    { name: 'sum.ts', kind: 'file', bytes: 69 },
    { name: 'sum.test.ts', kind: 'file', bytes: 4_200_000 },
  ],
}
const texts: Record<string, string> = {
  'README.md': '# Code\n<b>bold</b>\n',
  latest: 'README.md',
  'build.sh': '#!/bin/sh\nset -eu\n',
  'src/sum.ts': 'export function sum(a: number, b: number): number {\n  return a + b\n}\n',
  'src/a-name-that-is-much-longer-than-a-phone-is-wide.generated.snapshot.ts': '',
  'src/sum.test.ts': "import { test } from 'node:test'\n".repeat(300),
}

function folderOf(last: string | null, path: string): TaskFolder {
  const entries = tree[path]
  if (!entries) throw new MeshError('NOT_FOUND', { detail: `no folder ${path} in this commit` })
  return { commit: last ?? commit, isBase: last === null, path, entries, isCut: false }
}

function fileOf(last: string, path: string): TaskFile {
  const name = path.split('/').at(-1)!
  const { bytes } = Object.values(tree)
    .flat()
    .find(entry => entry.name === name)!
  const text = texts[path] ?? null
  return { commit: last, path, bytes: bytes ?? 0, text, isCut: text !== null && text.length < (bytes ?? 0) }
}

function diffOf(last: string): TaskDiff {
  const file = { path: 'src/sum.ts', was: null, state: 'changed', added: 2, removed: 1 } as const
  return { base: 'a'.repeat(40), commit: last || commit, files: [file], text: diffText, isCut: false }
}

function turnOf(turn: number, text: string, use?: ToolUse): TaskEvent[] {
  const call = `call-${turn}`
  const said = { type: 'text', text }
  const blocks = use ? [said, { type: 'tool-call', id: call, tool: use.tool, input: '{}' }] : [said]
  const stop = use ? 'tools' : 'done'
  return [
    { type: 'turn-began', turn, model: 'claude-sonnet-4-5' },
    { type: 'said', turn, as: 'text', text: text.slice(0, 5) },
    { type: 'said', turn, as: 'text', text: text.slice(5) },
    { type: 'turn-ended', turn, blocks: JSON.stringify(blocks), usage, microUsd: 12_000, stop },
    ...(use ? toolEvents(turn, call, use) : []),
  ]
}

function toolEvents(turn: number, call: string, { tool, shown, output, ok = true }: ToolUse): TaskEvent[] {
  return [
    { type: 'tool-began', turn, call, tool, shown },
    { type: 'tool-printed', call, text: output },
    { type: 'tool-ended', call, ok, content: output },
  ]
}

function approval(shown: string): { gate: GateId; event: RunEvent } {
  const at = Date.now()
  const gate = newId('gate', at, systemRandom)
  const nonce = Buffer.from(systemRandom(16)).toString('base64url')
  return {
    gate,
    event: { type: 'gate-opened', at, gate, nonce, title: 'Allow shell?', shown, expiresAt: at + 600_000 },
  }
}
