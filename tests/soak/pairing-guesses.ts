/** 10^5 real requests that guess pairing codes, from many addresses, while codes are open (S23). */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HubProcess } from '../crash/hub-process.ts'
import type { Soak } from './main.ts'
import { chanceOf } from './random.ts'

const addresses = 200
const atATime = 32
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

export const soak: Soak = async ({ count = 100_000, seed, say }) => {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-guesses-'))
  const hub = new HubProcess(join(folder, 'data'))
  try {
    const { url, token } = await hub.ready()
    const chance = chanceOf(seed)
    const statuses: Record<number, number> = {}
    const agents = Array.from(
      { length: addresses },
      (_, n) => new Agent({ keepAlive: true, localAddress: `127.9.0.${n + 1}` }),
    )
    let left = count
    const guesser = async (): Promise<void> => {
      while (left-- > 0) {
        if (left % 20_000 === 0) await openCodes(url, token)
        const code = Array.from({ length: 8 }, () => alphabet[chance.between(0, 31)]).join('')
        const agent = agents[left % addresses]!
        const status = await guess(url, agent, code)
        statuses[status] = (statuses[status] ?? 0) + 1
      }
    }
    await openCodes(url, token)
    await Promise.all(Array.from({ length: atATime }, guesser))
    for (const agent of agents) agent.destroy()
    say(JSON.stringify(statuses))
    assert.equal(statuses[201] ?? 0, 0, 'a guess was right')
    assert.deepEqual(Object.keys(statuses).sort(), ['404', '429'])
    const devices = await fetch(`${url}/api/v1/devices`, { headers: { authorization: `Bearer ${token}` } })
    assert.deepEqual(((await devices.json()) as { items: object[] }).items, [])
    return { guesses: count, addresses, looked: statuses[404] ?? 0, refused: statuses[429] ?? 0, right: 0 }
  } finally {
    await hub.kill()
    await rm(folder, { recursive: true, force: true })
  }
}

/** As many as one user may have open. */
async function openCodes(url: string, token: string): Promise<void> {
  for (let n = 0; n < 10; n++) {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    await fetch(`${url}/api/v1/pairings`, { method: 'POST', headers, body: '{}' })
  }
}

function guess(url: string, agent: Agent, code: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(
      `${url}/api/v1/pair`,
      { method: 'POST', agent, headers: { 'content-type': 'application/json' } },
      response => {
        response.resume()
        response.on('end', () => resolve(response.statusCode ?? 0))
      },
    )
    asked.on('error', reject)
    asked.end(JSON.stringify({ as: 'browser', code, publicKey: 'a'.repeat(43), name: 'x' }))
  })
}
