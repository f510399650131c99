/** Runs a hub as a process of its own, so that a test can kill or starve it: prints one JSON line when it listens, or why it does not. */
import { asMeshError } from '@meshbook/core/errors.ts'
import { systemRandom } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { parseHubConfig } from '../config.ts'
import { startHub } from '../hub.ts'
import { newLog } from '../log.ts'

/** The third: limits in place of those of the catalogue. */
const [data, port = '0', limits = '{}'] = process.argv.slice(2)
try {
  await run()
} catch (error) {
  const { code, message } = asMeshError(error)
  console.log(JSON.stringify({ failed: code, message }))
  process.exit(1)
}

async function run(): Promise<void> {
  const hub = await startHub(parseHubConfig(process.env, { data, port }), {
    now: Date.now,
    random: systemRandom,
    log: newLog('silent'),
    limits: JSON.parse(limits) as Partial<Limits>,
  })
  const project = await hub.ensureProject('demo')
  console.log(
    JSON.stringify({ url: hub.url, port: hub.port, token: await hub.commandLineToken(), project: project.id }),
  )
  // It must not outlive the test that started it.
  process.stdin.resume().on('end', () => process.exit(1))
}
