/**
 * A hub with devices as scripts, whose answers about saved sessions are a test's: what a session's saved state is, is laid
 * over what the hub says of it, for a page that has not loaded yet. Everything else is the hub's own.
 */
import type { TestContext } from 'node:test'
import type { Run } from '@meshbook/core/api.ts'
import type { SessionInfo } from '@meshbook/core/messages.ts'
import type { SnapshotInfo } from '@meshbook/core/snapshot.ts'
import { completed, started } from '@meshbook/hub/testing/test-device.ts'
import type { Page } from 'playwright-core'
import { type FleetScene, fleetScene } from './fleet-scene.ts'

export type Said = Pick<SessionInfo, 'saved' | 'restored' | 'moving' | 'policy'>

export interface SavedScene extends FleetScene {
  session: SessionInfo['id']
  runs: Run[]
}

const codes = ['import pandas as pd\ndf = pd.read_csv("big.csv")', 'model = fit(df, rounds=40)', 'model.score(df)']
export const text = `# Train\n\n${codes.map(code => `\`\`\`python\n${code}\n\`\`\`\n`).join('\n')}`

/** Three cells of one notebook have run on the server. */
export async function savedScene(t: TestContext): Promise<SavedScene> {
  const s = await fleetScene(t)
  const { id: document } = await s.document('train.md', text)
  let session = '' as SessionInfo['id']
  for (const [index, code] of codes.entries()) {
    const cell = { by: 'index', index }
    await s.json('POST', '/runs', { id: `r${index}`, document, language: 'python', code, cell, on: s.studio.id })
    const { lease } = await s.studio.next('LEASE')
    session = lease.session
    const { head, fence } = lease
    if (index === 0)
      s.studio.send({ type: 'RUNTIME_UP', session, head, fence, language: 'python', kernel: 'python 3.13' })
    const at = Date.now()
    await s.studio.emit(lease, 1, [{ ...started, at }])
    await s.studio.emit(lease, 2, [{ ...completed, at: at + 40 }])
  }
  const { items } = await s.json<{ items: Run[] }>('GET', `/runs?session=${session}`)
  return Object.assign(s, { session, runs: items.toReversed() })
}

export const asOfRun = ({ runs }: SavedScene, at: number) => ({ at: runs[at]!.endedAt!, run: runs[at]!.id })

export const savedUpTo = (s: SavedScene, at: number, change: object = {}): NonNullable<Said['saved']> =>
  ({
    snapshot: 'snp_01k0000000000000000000000a',
    asOf: asOfRun(s, at),
    kind: 'image',
    bytes: 1_171_000_000,
    behind: 2 - at,
    state: 'saved',
    ...change,
  }) as NonNullable<Said['saved']>

export function snapshotOf(s: SavedScene, change: object = {}): SnapshotInfo {
  return {
    id: 'snp_01k0000000000000000000000a',
    session: s.session,
    head: 'head_01k0000000000000000000000a',
    fence: 1,
    device: s.studio.id,
    deviceName: 'Studio GPU',
    kind: 'image',
    name: null,
    asOf: asOfRun(s, 1),
    fit: { os: 'linux', arch: 'x64', cpu: [], language: 'python', version: '3.13.1' },
    inside: {
      variables: [
        { name: 'df', type: 'DataFrame', bytes: 1_040_000_000 },
        { name: 'model', type: 'Booster', bytes: 98_000_000 },
        { name: 'pd', type: 'module' },
      ],
      more: 12,
      processes: 2,
      threads: 5,
    },
    lost: [{ name: 'con', reason: 'an open database connection' }],
    bytes: 1_171_000_000,
    addedBytes: 41_000,
    pauseMs: 12,
    storedAt: Date.now(),
    ...change,
  } as unknown as SnapshotInfo
}

export interface Answers {
  /** Laid over the session. */
  said: Said
  snapshots: SnapshotInfo[]
  /** Reasons of runs, by their id. */
  reasons: Record<string, string[]>
  /** What was asked, as `POST /sessions/…/fork {"name":"x"}`. */
  asked: string[]
  /** Of the move that something begins. */
  move: object
}

/** Before the page is opened. `say` tells an open page that the session changed. */
export async function answer(page: Page, s: SavedScene, first: Partial<Answers>) {
  const answers: Answers = { said: {}, snapshots: [], reasons: {}, asked: [], move: {}, ...first }
  await page.addInitScript(() => {
    const world = globalThis as unknown as { over: object; told: ((event: MessageEvent) => void)[]; last: string }
    world.told = []
    const Real = EventSource
    globalThis.EventSource = class extends Real {
      override addEventListener(type: string, listener: never): void {
        const tell = listener as (event: MessageEvent) => void
        if (type === 'sessions') world.told.push(tell)
        super.addEventListener(type, type === 'sessions' ? () => undefined : tell)
      }
    }
  })
  const patched = async (path: string) => {
    const { items } = await s.json<{ items: SessionInfo[] }>('GET', path)
    return { items: items.map(item => (item.id === s.session ? { ...item, ...answers.said } : item)) }
  }
  const withReasons = (run: Run): Run => {
    const reasons = answers.reasons[run.id]
    return reasons ? { ...run, status: 'queued', reasons, endedAt: null, durationMs: null, device: null } : run
  }
  await page.route('**/api/v1/sessions', async route => route.fulfill({ json: await patched('/sessions') }))
  await page.route(/\/api\/v1\/runs\?/, async route => {
    const { search } = new URL(route.request().url())
    const list = await s.json<{ items: Run[] }>('GET', `/runs${search}`)
    await route.fulfill({ json: { ...list, items: list.items.map(withReasons) } })
  })
  await page.route(/\/api\/v1\/runs\/[^/?]+$/, async route => {
    // A page that is closed meanwhile needs no answer.
    const response = await route.fetch().catch(() => undefined)
    if (!response) return
    if (!response.ok()) return route.fulfill({ response })
    await route.fulfill({ response, json: withReasons((await response.json()) as Run) })
  })
  await page.route(/\/api\/v1\/snapshots\?/, route => route.fulfill({ json: { items: answers.snapshots } }))
  const asked = (status: number, body?: () => object) => async (route: Parameters<Parameters<Page['route']>[1]>[0]) => {
    const request = route.request()
    answers.asked.push(
      `${request.method()} ${new URL(request.url()).pathname.slice(7)} ${request.postData() ?? ''}`.trim(),
    )
    await route.fulfill(body ? { status, json: body() } : { status })
  }
  const moving = () => ({
    id: 'mov_01k0000000000000000000000a',
    kind: 'migrate',
    session: s.session,
    makes: null,
    from: s.studio.id,
    to: s.laptop.id,
    state: 'done',
    snapshot: null,
    code: null,
    detail: null,
    askedBy: 'you',
    askedAt: Date.now(),
    endedAt: Date.now(),
    ...answers.move,
  })
  await page.route(
    /\/api\/v1\/(sessions\/[^/]+\/(migrate|fork|snapshots)|snapshots\/[^/]+\/restore)$/,
    asked(202, moving),
  )
  await page.route(/\/api\/v1\/moves\//, asked(200, moving))
  await page.route(/\/api\/v1\/(runs\/[^/]+\/elsewhere|sessions\/ses_[^/]+|snapshots\/snp_[^/]+)$/, asked(204))
  const say = async (said: Said): Promise<void> => {
    answers.said = said
    const data = JSON.stringify({ type: 'sessions', sessions: (await patched('/sessions')).items })
    await page.evaluate(text => {
      const { told } = globalThis as unknown as { told: ((event: MessageEvent) => void)[] }
      for (const tell of told) tell(new MessageEvent('sessions', { data: text }))
    }, data)
  }
  return { answers, say }
}
