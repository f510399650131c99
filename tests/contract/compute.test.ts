/** The contract of what makes workers: containers of a real engine, and the stand-in that tests of the hub use. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after } from 'node:test'
import type { WorkerId } from '@meshbook/core/ids.ts'
import { DockerDriver, type DockerOptions } from '@meshbook/hub/compute/docker-driver.ts'
import { DockerEngine } from '@meshbook/hub/compute/docker-engine.ts'
import { smallestPackages } from '@meshbook/hub/compute/image/debian-files.ts'
import { makeImage } from '@meshbook/hub/compute/image/make-image.ts'
import { ScriptedDriver, ScriptedEngine } from '@meshbook/hub/testing/scripted-driver.ts'
import * as v from 'valibot'
import { computeContract, sessionSpec } from './compute.ts'
import { canDocker, noDocker, TestEngine } from './docker-engine.ts'

const started = canDocker ? await TestEngine.start({ after }) : undefined
if (started) {
  await mkdir(join(started.folder, 'door'))
  const small = {
    name: 'meshbook-small:latest',
    version: '1',
    packages: [],
    from: 'installed',
    base: smallestPackages,
  } as const
  await makeImage(started.api, small)
}

const obeying = ['/bin/bash', '-c', 'trap "echo bye; exit 0" TERM; echo ready; while :; do sleep 0.05; done']
const deaf = ['/bin/bash', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.05; done']
const containers = v.array(v.object({ Names: v.array(v.string()) }))
const volumes = v.object({ Volumes: v.nullable(v.array(v.object({ Name: v.string() }))) })
let numbers = 0

computeContract(
  'docker',
  async () => {
    const { api, folder } = started!
    const number = numbers++
    const options: DockerOptions = {
      hub: `a${number}`,
      image: 'meshbook-small:latest',
      version: '1',
      socketFolder: join(folder, 'door'),
      command: obeying,
      env: {},
    }
    return {
      driver: new DockerDriver(api, options),
      ofAnotherHub: new DockerDriver(api, { ...options, hub: `b${number}` }),
      stubborn: new DockerDriver(api, { ...options, command: deaf }),
      unready: new DockerDriver(api, { ...options, image: 'meshbook-none:latest' }),
      silent: new DockerDriver(new DockerEngine(join(folder, 'none.sock')), options),
      spec: sessionSpec,
      ready: async id => (await started!.written(`meshbook-${id}`)).includes('ready'),
      kill: async id => void (await api.ask('POST', `/containers/meshbook-${id}/kill`)),
      leftovers: async () => {
        const left = await api.json('GET', '/containers/json?all=1', containers)
        const { Volumes } = await api.json('GET', '/volumes', volumes)
        return [...left.flatMap(({ Names }) => Names), ...(Volumes ?? []).map(({ Name }) => Name)]
      },
    }
  },
  noDocker,
)

computeContract(
  'the stand-in',
  async () => {
    const engines = Array.from({ length: 4 }, () => new ScriptedEngine())
    const [engine, deafEngine, bare, gone] = engines as [ScriptedEngine, ScriptedEngine, ScriptedEngine, ScriptedEngine]
    deafEngine.obeys = false
    bare.hasImage = false
    gone.answers = false
    return {
      driver: new ScriptedDriver(engine, 'a'),
      ofAnotherHub: new ScriptedDriver(engine, 'b'),
      stubborn: new ScriptedDriver(deafEngine, 'a'),
      unready: new ScriptedDriver(bare, 'a'),
      silent: new ScriptedDriver(gone, 'a'),
      spec: sessionSpec,
      ready: async () => true,
      kill: async (id: WorkerId) => {
        engine.workers.get(id)!.state = 'ended'
      },
      leftovers: async () => [...engine.workers.keys(), ...deafEngine.workers.keys()],
    }
  },
  false,
)
