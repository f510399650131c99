/** The contract of task workers on platforms elsewhere, against strict servers of their interfaces. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { FlyDriver } from '@meshbook/hub/compute/fly-driver.ts'
import { KubernetesDriver } from '@meshbook/hub/compute/kubernetes-driver.ts'
import { nameOf } from '@meshbook/hub/compute/kubernetes-objects.ts'
import { openTaskDriver } from '@meshbook/hub/compute/open-task-driver.ts'
import type { TaskWorkerSpec } from '@meshbook/hub/compute/port.ts'
import { parseHubConfig } from '@meshbook/hub/config.ts'
import { computeContract, isUnavailable } from '../contract/compute.ts'
import { taskSpecs } from '../contract/task-drivers.ts'
import { FlyServer } from './fly-server.ts'
import { type Job, KubernetesServer, type NetworkPolicy } from './kubernetes-server.ts'

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
  // Runner and tools share their pipes and nothing else.
  const mountsOf = (container: string): string[] =>
    all.find(({ name }) => name === container)!.volumeMounts.map(({ name }) => name)
  assert.deepEqual(
    mountsOf('tools').filter(name => mountsOf('runner').includes(name)),
    ['pipes'],
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

test('CP66 Kubernetes: one way out, to the address of the hub, whose name the pod is told and asks nobody for', async t => {
  const api = await KubernetesServer.start(t)
  const order = await (await taskSpecs(t))()
  const driver = kubernetes(api)
  await driver.start(order)
  const policy = api.objects.networkpolicies.get(nameOf(order.id)) as NetworkPolicy
  assert.deepEqual(policy.spec, {
    podSelector: { matchLabels: { 'meshbook.dev/worker': order.id } },
    policyTypes: ['Ingress', 'Egress'],
    ingress: [],
    egress: [{ to: [{ ipBlock: { cidr: '192.0.2.7/32' } }], ports: [{ protocol: 'TCP', port: 8443 }] }],
  })
  const { spec } = (api.objects.jobs.get(nameOf(order.id)) as Job).spec.template
  assert.equal(spec.automountServiceAccountToken, false)
  assert.deepEqual(spec.hostAliases, [{ ip: '192.0.2.7', hostnames: ['hub.example'] }])
  assert.equal(spec.dnsPolicy, 'None')
  await driver.stop(order.id, 1_000)
})

test('CP63 Fly: the smallest machine that has what the worker may use', async t => {
  const api = await FlyServer.start(t)
  const gibibyte = 1024 ** 3
  const guests = []
  for (const [cpus, memoryBytes] of [
    [0.5, gibibyte / 4],
    [3, gibibyte],
    [1, 5 * gibibyte],
    [64, 64 * gibibyte],
  ] as const) {
    const driver = fly(api)
    const order = await (await taskSpecs(t, { cpus, memoryBytes }))()
    await driver.start(order)
    const machine = [...api.machines.values()].find(({ config }) => config.metadata?.meshbook_worker === order.id)
    guests.push([machine?.config.guest.cpus, machine?.config.guest.memory_mb])
    await driver.stop(order.id, 1_000)
  }
  assert.deepEqual(guests, [
    [1, 256],
    [4, 1_024],
    [4, 5_120],
    [8, 16_384],
  ])
})

test('CP4, CP60 from the settings alone, with the token from a file that may change meanwhile', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'mb-hosts-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const [cluster, machines] = [await KubernetesServer.start(t), await FlyServer.start(t)]
  const tokenFile = join(folder, 'token')
  const common = {
    MESHBOOK_COMPUTE_TOKEN_FILE: tokenFile,
    MESHBOOK_COMPUTE_IMAGE: 'registry.example/worker:1',
    MESHBOOK_COMPUTE_HUB_URL: hubUrl,
  }
  const drivers = [
    [cluster, { MESHBOOK_COMPUTE: 'kubernetes', MESHBOOK_COMPUTE_NAMESPACE: cluster.namespace }],
    [machines, { MESHBOOK_COMPUTE: 'fly', MESHBOOK_COMPUTE_APP: machines.app }],
  ] as const
  for (const [api, env] of drivers) {
    const ca = { MESHBOOK_COMPUTE_CA_FILE: tokenFile, MESHBOOK_COMPUTE_HUB_ADDRESSES: '192.0.2.7' }
    const { compute } = parseHubConfig({ ...common, ...ca, ...env, MESHBOOK_COMPUTE_URL: api.url })
    assert.ok(compute)
    const driver = openTaskDriver(compute, 'a', folder)
    await rm(tokenFile, { force: true })
    await assert.rejects(driver.list(), isUnavailable)
    await writeFile(tokenFile, `${api.token}\n`)
    assert.ok((await driver.describe()).ready)
    const order = await (await taskSpecs(t))()
    await driver.start(order)
    assert.deepEqual(await driver.list(), [{ id: order.id, state: 'running' }])
    await driver.stop(order.id, 1_000)
    assert.deepEqual(await driver.list(), [])
  }
})
