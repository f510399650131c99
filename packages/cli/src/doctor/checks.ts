/** What `meshbook doctor` tries. Each check does the real thing once and says what it saw and what to do. */
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, open, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { asMeshError } from '@meshbook/core/errors.ts'
import { newId, parseFence, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { findKernelspecs } from '@meshbook/device/kernels/kernelspecs.ts'
import type { KernelSessions } from '@meshbook/device/kernels/port.ts'
import { createKernelSessions } from '@meshbook/device/kernels/sessions.ts'
import { WebSocket } from 'ws'
import type { DataFolder } from '../data-folder.ts'

export interface Finding {
  check: string
  ok: boolean
  seen: string
  /** What to do about it; only when not ok. */
  fix?: string
}

export async function checkNode(): Promise<Finding> {
  const major = Number(process.versions.node.split('.')[0])
  const ok = major >= 24
  return {
    check: 'Node',
    ok,
    seen: process.versions.node,
    ...(ok ? {} : { fix: 'Run ./meshbook or npx meshbook, which bring Node 24 along.' }),
  }
}

export async function checkDisk(folder: DataFolder): Promise<Finding> {
  const check = 'Data folder'
  try {
    await mkdir(folder.root, { recursive: true, mode: 0o700 })
    const { bavail, bsize } = await statfs(folder.root)
    const freeMiB = Math.round((bavail * bsize) / 1024 ** 2)
    const ms = await medianSyncMs(folder.root)
    const seen = `${folder.root}, ${freeMiB} MiB free, one fsync takes ${ms.toFixed(2)} ms`
    return freeMiB < 200
      ? { check, ok: false, seen, fix: 'Free some space, or choose another folder with --data.' }
      : { check, ok: true, seen }
  } catch (cause) {
    return {
      check,
      ok: false,
      seen: `${folder.root}: ${String((cause as Error).message)}`,
      fix: 'Give yourself write permission to it, or choose another with --data.',
    }
  }
}

async function medianSyncMs(folder: string): Promise<number> {
  const path = join(folder, `.doctor-${randomBytes(6).toString('hex')}`)
  const file = await open(path, 'w')
  try {
    const times: number[] = []
    for (let i = 0; i < 9; i++) {
      await file.write('x')
      const started = performance.now()
      await file.datasync()
      times.push(performance.now() - started)
    }
    return times.sort((a, b) => a - b)[4]!
  } finally {
    await file.close()
    await rm(path, { force: true })
  }
}

export async function checkHub(url: string): Promise<Finding[]> {
  return [
    await checkHealth(url),
    await checkUpgrade(url, undefined),
    await checkUpgrade(url, 'https://elsewhere.example'),
  ]
}

async function checkHealth(url: string): Promise<Finding> {
  const check = `Hub ${url}`
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(limits.handshakeMs) })
    const seen = `HTTP ${response.status} ${(await response.text()).slice(0, 200)}`
    return response.ok
      ? { check, ok: true, seen }
      : { check, ok: false, seen, fix: 'The hub runs but is not ready; its log says why.' }
  } catch {
    return { check, ok: false, seen: 'no answer', fix: 'Start it with `meshbook start`, or check the address.' }
  }
}

/** Without an Origin an unauthenticated socket must be closed by us (4401), from a foreign page refused at once (403). */
async function checkUpgrade(url: string, origin: string | undefined): Promise<Finding> {
  const check = origin ? 'Refuses WebSockets of foreign pages' : 'WebSocket upgrade'
  const target = `${url.replace(/^http/, 'ws')}/channel`
  const seen = await new Promise<string>(resolve => {
    const socket = new WebSocket(target, ['meshbook.v1'], {
      handshakeTimeout: limits.handshakeMs,
      ...(origin ? { origin } : {}),
    })
    socket.once('unexpected-response', (_request, response) => {
      resolve(`HTTP ${response.statusCode}`)
      socket.terminate()
    })
    socket.once('close', code => resolve(`close ${code}`))
    socket.once('error', error => resolve(error.message))
  })
  const wanted = origin ? ['HTTP 403'] : ['HTTP 401', 'close 4401']
  const fix = origin
    ? 'Something in between answers for the hub; let it pass the Origin header on.'
    : 'If a proxy is in between, let it pass on Upgrade and Connection headers.'
  return wanted.includes(seen) ? { check, ok: true, seen: `${seen}, as it must be` } : { check, ok: false, seen, fix }
}

/** Starts each kernel for real and runs a line in it. */
export async function checkKernels(): Promise<Finding[]> {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-doctor-'))
  const kernels = createKernelSessions({ folder, now: Date.now, random: systemRandom, limits })
  try {
    const runtimes = await kernels.runtimes()
    const findings: Finding[] = []
    for (const language of [...new Set(runtimes.map(runtime => runtime.language))])
      findings.push(await tryKernel(kernels, language, folder))
    for (const [language, hint] of Object.entries({ python: 'Install python3.', bash: 'Install bash.' })) {
      if (!runtimes.some(runtime => runtime.language === language))
        findings.push({ check: `Kernel ${language}`, ok: false, seen: 'not found', fix: hint })
    }
    return [...findings, ...(await brokenKernelspecs())]
  } finally {
    await kernels.stopAll()
    await rm(folder, { recursive: true, force: true })
  }
}

async function brokenKernelspecs(): Promise<Finding[]> {
  const places = { projectFolder: undefined, env: process.env, nodePath: process.execPath }
  const { broken } = await findKernelspecs(places)
  return broken.map(({ name, path, reason }) => ({
    check: `Kernelspec ${name}`,
    ok: false,
    seen: `${path} cannot be used: ${reason}`,
    fix: `Install its kernel again, or remove the folder ${dirname(path)}.`,
  }))
}

/** What prints 42; of another language it is only tried whether its kernel starts. */
const trial: Record<string, string> = {
  python: 'print(6 * 7)',
  bash: 'echo $((6 * 7))',
  javascript: 'console.log(6 * 7)',
  typescript: 'console.log((6 * 7) as number)',
  r: 'cat(6 * 7)',
  julia: 'print(6 * 7)',
}

async function tryKernel(kernels: KernelSessions, language: string, folder: string): Promise<Finding> {
  const check = `Kernel ${language}`
  const started = performance.now()
  try {
    const now = Date.now()
    const spec = {
      session: newId('session', now, systemRandom),
      head: newId('head', now, systemRandom),
      fence: parseFence(1),
      project: newId('project', now, systemRandom),
      projectFolder: folder,
      language,
      name: 'doctor',
      device: 'this machine',
    }
    const session = await kernels.start(spec)
    const run = newId('run', now, systemRandom)
    await session.execute({ run, fence: spec.fence, code: trial[language] ?? '', cellName: 'doctor' })
    let printed = ''
    for await (const { event } of session.events(run, 0, AbortSignal.timeout(limits.kernelStartMs)))
      if (event.type === 'stdout') printed += event.text
    await session.shutdown()
    const seen = `${session.kernelName}, first answer after ${Math.round(performance.now() - started)} ms`
    return printed.trim() === (trial[language] === undefined ? '' : '42')
      ? { check, ok: true, seen }
      : {
          check,
          ok: false,
          seen: `printed ${JSON.stringify(printed.slice(0, 80))}`,
          fix: 'Expected 42. Does its start-up file print or fail?',
        }
  } catch (thrown) {
    const error = asMeshError(thrown)
    return { check, ok: false, seen: error.message, fix: error.entry.hint }
  }
}
