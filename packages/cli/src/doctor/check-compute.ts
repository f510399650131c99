/** What `meshbook doctor` says of containers, where the settings ask for them. */
import { asMeshError } from '@meshbook/core/errors.ts'
import { DockerDriver } from '@meshbook/hub/compute/docker-driver.ts'
import { DockerEngine } from '@meshbook/hub/compute/docker-engine.ts'
import { openTaskDriver } from '@meshbook/hub/compute/open-task-driver.ts'
import { parseHubConfig } from '@meshbook/hub/config.ts'
import { version } from '@meshbook/hub/version.ts'
import type { Finding } from './checks.ts'

export async function checkCompute(env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const check = 'Containers'
  try {
    const { compute, dataFolder } = parseHubConfig(env)
    if (!compute) return []
    const isElsewhere = compute.driver === 'kubernetes' || compute.driver === 'fly'
    const options = { hub: '', image: compute.image, version, socketFolder: '', command: [], env: {} }
    const driver = isElsewhere
      ? openTaskDriver(compute, '', dataFolder)
      : new DockerDriver(new DockerEngine(compute.engine), options)
    const found = await driver.describe()
    if (!found.ready) return [{ check, ok: false, seen: found.problem, fix: found.fix }]
    return [{ check, ok: true, seen: `${found.engine}, ${compute.image} for ${found.languages.join(', ')}` }]
  } catch (thrown) {
    const error = asMeshError(thrown)
    // Settings that are wrong are told with the servers.
    return error.code === 'BAD_CONFIG' ? [] : [{ check, ok: false, seen: error.message, fix: error.entry.hint }]
  }
}
