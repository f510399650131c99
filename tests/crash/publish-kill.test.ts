/** kill -9 of the hub around publishing, pinning and taking back: what was acknowledged is so ever after (PB12, PB14, I9). */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Publication, PublicationState } from '@meshbook/core/publish-api.ts'
import { rawRequest } from '@meshbook/hub/testing/raw-request.ts'
import { temporaryFolder } from '../mesh-process.ts'
import { type HubAddress, HubProcess } from './hub-process.ts'

const kills = 5
const page = '/@me/demo/n'

type Step = { mode: 'continuous' } | { mode: 'pinned' } | 'taken back'

test('PB12 PB14 kill -9 of the hub at any moment of publishing: no page after it was taken back, no pinned version lost', async t => {
  const data = join(await temporaryFolder(t), 'hub')
  let hub = new HubProcess(data)
  t.after(() => hub.kill())
  let at = await hub.ready()
  const { id } = await asked<{ id: string }>(at, 'POST', '/documents', {
    project: at.project,
    path: 'n.md',
    content: '# N\n\nkept words\n',
  })
  const figures = { acknowledged: 0, cut: 0 }
  for (let kill = 0; kill < kills; kill++) {
    // What may be so after the kill: the last step that was acknowledged, or the one that was under way.
    let last: Step = (await state(at, id)) ?? 'taken back'
    let under: Step | undefined
    const killing = sleep(20 + 60 * kill).then(() => hub.kill())
    for (let n = kill; ; n++) {
      under = ([{ mode: 'pinned' }, 'taken back', { mode: 'continuous' }, 'taken back'] as const)[n % 4]!
      if (!(await taken(at, id, under))) break
      figures.acknowledged++
      last = under
      if (under === 'taken back') await gone(at)
    }
    figures.cut++
    await killing
    hub = new HubProcess(data)
    at = await hub.ready()
    const found = await state(at, id)
    const allowed = [last, under].map(nameOf)
    assert.ok(allowed.includes(nameOf(found ?? 'taken back')), `${nameOf(found ?? 'taken back')}, not ${allowed}`)
    const answer = await rawRequest(at.url + page, {})
    assert.equal(answer.status, found ? 200 : 404)
    if (found?.mode === 'pinned') await versionIsThere(at, id, found)
  }
  t.diagnostic(JSON.stringify(figures))
  assert.ok(figures.acknowledged > 0)
})

const nameOf = (step: Step): string => (step === 'taken back' ? step : step.mode)

/** False when the hub was killed before it answered. */
async function taken(at: HubAddress, id: string, step: Step): Promise<boolean> {
  try {
    if (step === 'taken back') await asked(at, 'DELETE', `/publications/${id}`)
    else await asked(at, 'PUT', `/publications/${id}`, step)
    return true
  } catch (thrown) {
    if (isCut(thrown)) return false
    throw thrown
  }
}

/** Also in the middle of an answer. */
const isCut = (thrown: unknown): boolean =>
  thrown instanceof SyntaxError ||
  (thrown instanceof Error &&
    ['ECONNRESET', 'ECONNREFUSED', 'EPIPE'].includes((thrown as { code?: string }).code ?? ''))

async function gone(at: HubAddress): Promise<void> {
  try {
    assert.equal((await rawRequest(at.url + page, {})).status, 404)
  } catch (thrown) {
    if (!isCut(thrown)) throw thrown
  }
}

async function state(at: HubAddress, id: string): Promise<Publication | null> {
  return (await asked<PublicationState>(at, 'GET', `/publications/${id}`)).publication
}

async function versionIsThere(at: HubAddress, id: string, { version }: Publication): Promise<void> {
  const answer = await rawRequest(`${at.url}/api/v1/documents/${id}/versions/${version}`, { headers: own(at) })
  assert.equal(answer.status, 200, answer.text)
  assert.match((await rawRequest(at.url + page, {})).text, /kept words/)
}

const own = ({ token }: HubAddress) => ({ authorization: `Bearer ${token}` })

async function asked<T>(at: HubAddress, method: string, path: string, body?: object): Promise<T> {
  const sent = body && { body: JSON.stringify(body) }
  const headers = { ...own(at), ...(body && { 'content-type': 'application/json' }) }
  const answer = await rawRequest(`${at.url}/api/v1${path}`, { method, headers, ...sent })
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`)
  return (answer.text === '' ? undefined : JSON.parse(answer.text)) as T
}
