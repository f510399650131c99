/**
 * Entry of the kernel host: `node kernel-host.ts FOLDER`, one detached process per session. It outlives the daemon that
 * started it, and a new one takes its place after its own end. Prints one line when it is ready, or why it is not.
 */
import { enableCompileCache, flushCompileCache } from 'node:module'
import { dirname, join } from 'node:path'
import { closeInherited } from './inherited-descriptors.ts'

const folder = process.argv[2]!
closeInherited()
process.on('SIGINT', () => undefined).on('SIGHUP', () => undefined)
// Without it every host would carry the compiler that strips the types: 35 MB and 70 ms.
enableCompileCache(join(dirname(folder), 'compile-cache'))
try {
  const { host } = await import('./host-main.ts')
  await host(folder)
  process.stdout.write('{"ready":true}\n')
  flushCompileCache()
} catch (thrown) {
  const { asMeshError } = await import('@meshbook/core/errors.ts')
  const { code, detail, cause } = asMeshError(thrown)
  const line = JSON.stringify({ ready: false, code, detail: detail ?? String(cause) })
  process.stdout.write(`${line}\n`, () => process.exit(1))
}
