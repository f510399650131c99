/** A daemon's kernel sessions and nothing else, for tests that kill it: starts a session, says so, and waits to be killed. */
import { type Fence, newId, parseId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { createKernelSessions } from '@meshbook/device/kernels/sessions.ts'

const [folder, projectFolder, ...ids] = process.argv.slice(2) as [string, string, ...string[]]
const sessions = createKernelSessions({ folder, now: Date.now, random: systemRandom, limits })
await sessions.recover()
const started = ids.map(id =>
  sessions.start({
    session: parseId('session', id),
    head: newId('head', Date.now(), systemRandom),
    fence: 1 as Fence,
    project: newId('project', Date.now(), systemRandom),
    projectFolder,
    language: 'python',
    name: 'default',
    device: 'Crash',
  }),
)
const code = `import subprocess, time
subprocess.Popen(['setsid', 'sleep', '300'], stdin=-3, stdout=-3, stderr=-3)
subprocess.Popen(['env', '-i', 'sleep', '300'], stdin=-3, stdout=-3, stderr=-3)
time.sleep(60)`
for (const session of await Promise.all(started)) {
  const run = newId('run', Date.now(), systemRandom)
  await session.execute({ run, fence: session.spec.fence, code, cellName: 'cell' })
}
process.stdout.write('started\n')
setInterval(() => undefined, 60_000)
