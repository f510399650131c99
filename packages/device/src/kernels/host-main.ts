/** The kernel host put together: what is in the folder of the session, the session itself, and its door. */
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemRandom } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import * as v from 'valibot'
import { readJson, writeJson } from './files.ts'
import { hostAddressSchema, hostFileSchema } from './host-protocol.ts'
import { HostServer } from './host-server.ts'
import { HostSession } from './host-session.ts'
import { Journal } from './journal.ts'
import { identityOf } from './process-identity.ts'
import { markOf } from './process-tree.ts'

const aloneCheckMs = 60_000
const reachableCheckMs = 2000
const unreachableEndMs = 5000

/** Resolves when the daemon can connect. */
export async function host(folder: string): Promise<void> {
  const file = v.parse(hostFileSchema, await readJson(join(folder, 'spec.json')))
  const { spec, nodePath, limits: given, runtimeUrl } = file
  const limits = given as unknown as Limits
  const journal = await Journal.open(join(folder, 'runs'))
  const session: HostSession = new HostSession({
    spec,
    journal,
    limits,
    now: Date.now,
    assets: join(folder, 'assets'),
    place: {
      folder,
      mark: markOf(folder),
      language: spec.language,
      kernelspec: spec.kernelspec,
      projectFolder: spec.projectFolder,
      env: process.env,
      limits,
      nodePath,
      random: systemRandom,
      ...(runtimeUrl === undefined ? {} : { runtime: { url: runtimeUrl, session: spec.name } }),
    },
    onEvents: entry => server.wake(entry),
    onDown: reason => server.down(reason),
  })
  const token = randomBytes(32).toString('base64url')
  const end = async () => {
    await server.close()
    await journal.close()
    await rm(join(folder, 'host.json'), { force: true })
    process.exit(0)
  }
  const server = new HostServer({ token, limits, journal, session, now: Date.now, onShutdown: () => void end() })
  await session.recover()
  const port = await server.listen()
  const identity = (await identityOf(process.pid)) ?? ''
  await writeJson(join(folder, 'host.json'), { pid: process.pid, identity, port, token })
  every(Math.min(aloneCheckMs, limits.hostAloneMs), async () => {
    const alone = server.aloneSince !== undefined && Date.now() - server.aloneSince > limits.hostAloneMs
    if (alone && session.isIdle) await session.shutdown().then(end)
  })
  every(limits.policyCheckMs, async () => {
    if (await session.isOverForAll()) await end()
  })
  // A host whose address is gone (its folder was removed, or another host has taken its place) can never be reached
  // again, and would be an orphan with its kernel.
  every(reachableCheckMs, async () => {
    const address = v.safeParse(hostAddressSchema, await readJson(join(folder, 'host.json')))
    if (address.success && address.output.token === token) return
    // Another host has the kernel now.
    if (address.success) process.exit(1)
    await Promise.race([session.shutdown(), sleep(unreachableEndMs)])
    process.exit(1)
  })
}

function every(ms: number, act: () => Promise<void>): void {
  setTimeout(() => void act().then(() => every(ms, act)), ms)
}
