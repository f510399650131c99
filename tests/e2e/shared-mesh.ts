/**
 * One mesh for all tests of a file, for those that leave it as they found it but for a notebook of their own: begun with
 * the first test that wants it, ended after the last.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type OpenBrowser, openBrowser, openDocument, signInByCode } from '../browser.ts'
import { type Cleanup, clientOf, eventually, type MeshProcess, startMesh, temporaryFolder } from '../mesh-process.ts'
import { wholeFile } from '../whole-file.ts'

export interface SharedMesh extends MeshProcess {
  /** A profile of its own that is signed in. */
  open(t: TestContext, options?: Parameters<typeof openBrowser>[1]): Promise<OpenBrowser>
  /** Writes a notebook of the demo project, and waits until the hub has it. */
  write(path: string, text: string): Promise<void>
  /** The notebook in a profile of its own. */
  show(t: TestContext, path: string, options?: Parameters<typeof openBrowser>[1]): Promise<OpenBrowser>
}

export function sharedMesh(env: NodeJS.ProcessEnv = {}): () => Promise<SharedMesh> {
  let begun: Promise<SharedMesh> | undefined
  return () => {
    begun ??= beginMesh(wholeFile, env).catch(cause => {
      // The next test tries again.
      begun = undefined
      throw cause
    })
    return begun
  }
}

export async function beginMesh(t: Cleanup, env: NodeJS.ProcessEnv = {}): Promise<SharedMesh> {
  const mesh = await startMesh(t, await temporaryFolder(t), undefined, env)
  const client = await clientOf(mesh)
  const first = await openBrowser(t)
  await signInByCode(first.page, mesh)
  const cookies = await first.context.cookies()
  await first.context.close()
  const open: SharedMesh['open'] = async (t, options) => {
    const browser = await openBrowser(t, options)
    await browser.context.addCookies(cookies)
    return browser
  }
  return {
    ...mesh,
    open,
    async write(path, text) {
      await writeFile(join(mesh.data, 'projects/demo', path), text)
      await eventually(`${path} is at the hub`, () => client.documentAt(`me/demo/${path}`).catch(() => undefined))
    },
    async show(t, path, options) {
      const browser = await open(t, options)
      await openDocument(browser.page, mesh, path)
      return browser
    },
  }
}
