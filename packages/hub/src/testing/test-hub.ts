/** A hub of its own for one test: port 0, a temporary folder, closed and removed when the test ends. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Project } from '@meshbook/core/api.ts'
import { type DocumentId, systemRandom } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { ComputeDriver } from '../compute/port.ts'
import { type HubConfig, parseHubConfig } from '../config.ts'
import { type Hub, startHub } from '../hub.ts'
import { newLog } from '../log.ts'
import type { OpenTaskWork } from '../tasks/open-tasks.ts'
import { atEnd } from './at-end.ts'

export interface TestHub {
  hub: Hub
  folder: string
  config: HubConfig
  token: string
  /** Every line that was logged. */
  logged: string[]
  clock: { offsetMs: number }
  project: Project
  api(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>
  json<T>(method: string, path: string, body?: unknown): Promise<T>
  document(path: string, content?: string): Promise<{ id: DocumentId; path: string }>
  restart(): Promise<void>
}

export interface TestHubOptions {
  timesDivisor?: number
  host?: string
  webFolder?: string
  env?: NodeJS.ProcessEnv
  limits?: Partial<Limits>
  computeDriver?: (hub: string) => ComputeDriver
  taskWork?: OpenTaskWork
}

export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-hub-'))
  atEnd(t, () => rm(folder, { recursive: true, force: true }))
  return folder
}

export async function startTestHub(t: TestContext, options: TestHubOptions = {}): Promise<TestHub> {
  const folder = await temporaryFolder(t)
  const config = {
    ...parseHubConfig(options.env ?? {}, { host: options.host, port: 0, data: folder, webFolder: options.webFolder }),
    timesDivisor: options.timesDivisor ?? 1,
  }
  const logged: string[] = []
  const clock = { offsetMs: 0 }
  const ports = {
    now: () => Date.now() + clock.offsetMs,
    random: systemRandom,
    log: newLog('debug', { write: line => void logged.push(line) }),
    limits: options.limits ?? {},
    ...(options.computeDriver && { computeDriver: options.computeDriver }),
    ...(options.taskWork && { taskWork: options.taskWork }),
  }
  const test: TestHub = {
    hub: await startHub(config, ports),
    folder,
    config,
    token: '',
    logged,
    clock,
    project: undefined as unknown as Project,
    api: (method, path, body, headers = {}) =>
      fetch(`${test.hub.url}/api/v1${path}`, {
        method,
        headers: {
          authorization: `Bearer ${test.token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    async json<T>(method: string, path: string, body?: unknown) {
      const response = await test.api(method, path, body)
      const text = await response.text()
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
      return (text === '' ? undefined : JSON.parse(text)) as T
    },
    document: (path, content) => test.json('POST', '/documents', { project: test.project.id, path, content }),
    async restart() {
      await test.hub.close()
      test.hub = await startHub(config, ports)
    },
  }
  atEnd(t, () => test.hub.close())
  test.token = await test.hub.commandLineToken()
  test.project = await test.hub.ensureProject('demo')
  return test
}
