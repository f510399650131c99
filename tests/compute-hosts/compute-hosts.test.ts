/** The contract of task workers on platforms elsewhere, against strict servers of their interfaces. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { FlyDriver } from '@meshbook/hub/compute/fly-driver.ts'
import { KubernetesDriver } from '@meshbook/hub/compute/kubernetes-driver.ts'
import { nameOf } from '@meshbook/hub/compute/kubernetes-objects.ts'
import type { TaskWorkerSpec } from '@meshbook/hub/compute/port.ts'
import { computeContract } from '../contract/compute.ts'
import { taskSpecs } from '../contract/task-drivers.ts'
import { FlyServer } from './fly-server.ts'
import { type Job, KubernetesServer } from './kubernetes-server.ts'

const nowhere = 'http://127.0.0.1:1'
const hubUrl = 'https://hub.example:8443'
const quick = { lookMs: 10 }

function kubernetes(
  api: KubernetesServer,
  { hub = 'a', image = 'registry.example/worker:1', url = api.url, token = api.token } = {},
) {
  const place = { hub, namespace: api.namespace, image, version: '1', hubUrl, hubBlocks: ['192.0.2.7/32'] }
  return new KubernetesDriver({ ...quick, url, token: async () => token, place })
}

function fly(
  api: FlyServer,
  { hub = 'a', image = 'registry.example/worker:1', url = api.url, token = api.token } = {},
) {
  return new FlyDriver({ url, token: async () => token, hub, app: api.app, image, hubUrl })
}

computeContract<TaskWorkerSpec>(
  'Kubernetes',
  async t => {
    const api = await KubernetesServer.start(t)
    const deaf = await KubernetesServer.start(t)
    deaf.obeys = false
    return {
      driver: kubernetes(api),
      ofAnotherHub: kubernetes(api, { hub: 'b' }),
      stubborn: kubernetes(deaf),
      unready: kubernetes(await oldServer(t), { image: 'registry.example/none:1' }),
      silent: kubernetes(api, { url: nowhere }),
      spec: await taskSpecs(t),
      isMute: true,
      ready: async () => true,
      kill: async id => api.fail(nameOf(id)),
      leftovers: async () =>
        [api, deaf].flatMap(({ objects, pods }) => [
          ...objects.jobs.keys(),
          ...objects.secrets.keys(),
          ...objects.networkpolicies.keys(),
          ...pods.keys(),
        ]),
    }
  },
  false,
)

async function oldServer(t: TestContext): Promise<KubernetesServer> {
  const api = await KubernetesServer.start(t)
  api.version = 'v1.27.4'
  return api
}

computeContract<TaskWorkerSpec>(
  'Fly',
  async t => {
    const api = await FlyServer.start(t)
    const deaf = await FlyServer.start(t)
    deaf.obeys = false
    return {
      driver: fly(api),
      ofAnotherHub: fly(api, { hub: 'b' }),
      stubborn: fly(deaf),
      unready: fly(api, { token: 'another' }),
      silent: fly(api, { url: nowhere }),
      spec: await taskSpecs(t),
      isMute: true,
      ready: async () => true,
      kill: async id => {
        for (const machine of api.machines.values())
          if (machine.config.metadata?.meshbook_worker === id) machine.state = 'stopped'
      },
      leftovers: async () =>
        [api, deaf].flatMap(({ machines }) =>
          [...machines.values()].filter(({ state }) => state !== 'destroyed').map(({ name }) => name),
        ),
    }
  },
  false,
)

test('CP61, CP66 Kubernetes: the policy is there before the pod, and only the broker has the token', async t => {
  const api = await KubernetesServer.start(t)
  const order = await (await taskSpecs(t))()
  const driver = kubernetes(api)
  await driver.start(order)
  assert.deepEqual(api.made, ['networkpolicies', 'secrets', 'jobs'])
  const job = api.objects.jobs.get(nameOf(order.id)) as Job
  assert.ok(!JSON.stringify(job).includes(order.token))
  const { initContainers, containers, volumes } = job.spec.template.spec
  const all = [...initContainers, ...containers]
  assert.deepEqual(
    all.filter(({ volumeMounts }) => volumeMounts.some(({ name }) => name === 'token')).map(({ name }) => name),
    ['broker'],
  )
  assert.deepEqual(
    all.filter(({ volumeMounts }) => volumeMounts.some(({ name }) => name === 'own')).map(({ name }) => name),
    ['broker', 'runner'],
  )
  for (const { securityContext: context, env, name } of all) {
    assert.deepEqual(
      [context.runAsNonRoot, context.allowPrivilegeEscalation, context.readOnlyRootFilesystem],
      [true, false, true],
    )
    assert.deepEqual(context.capabilities.drop, ['ALL'])
    assert.equal(env !== undefined, name === 'broker')
  }
  assert.equal(new Set(all.map(({ securityContext }) => securityContext.runAsUser)).size, 3)
  for (const { volumeMounts } of all)
    for (const { name } of volumeMounts)
      assert.ok(
        volumes.some(volume => volume.name === name),
        name,
      )
  await driver.stop(order.id, 1_000)
})

test('CP5 Kubernetes: an image that is not there is said in words, and no rights too', async t => {
  const api = await KubernetesServer.start(t)
  const order = await (await taskSpecs(t))()
  await assert.rejects(kubernetes(api, { image: 'registry.example/none:1' }).start(order), (thrown: unknown) => {
    assert.ok(thrown instanceof MeshError)
    return /ErrImagePull: .*not found/.test(thrown.message)
  })
  await kubernetes(api).stop(order.id, 0)
  const described = await kubernetes(api, { token: 'another' })
    .describe()
    .catch((thrown: MeshError) => thrown.message)
  assert.match(String(described), /Unauthorized/)
})

test('CP61 Fly: the token is in a file of the machine, and in no environment', async t => {
  const api = await FlyServer.start(t)
  const order = await (await taskSpecs(t))()
  const driver = fly(api)
  await driver.start(order)
  const [machine] = [...api.machines.values()]
  const { files, ...rest } = machine!.config
  assert.equal(Buffer.from(files![0]!.raw_value!, 'base64').toString(), order.token)
  assert.ok(!JSON.stringify(rest).includes(order.token))
  assert.equal(rest.init?.exec?.[0], '/bin/bash')
  await driver.stop(order.id, 1_000)
})
