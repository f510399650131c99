/**
 * Chromium with a home folder of its own: what it trusts is what was imported there, as a person imports it. No flag
 * makes it overlook a certificate.
 */
import { execFileSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { browserFlags, chromiumPath } from './browser.ts'
import { waitMs } from './mesh-process.ts'

interface Where {
  /** What a DNS server would say. */
  names?: Record<string, string>
  /** What starts Chromium, where that is not its own program. */
  command?: readonly [string, readonly string[]]
}

export class TrustingBrowser {
  readonly #t: TestContext
  readonly #where: Where
  readonly #home: string

  private constructor(t: TestContext, where: Where, home: string) {
    this.#t = t
    this.#where = where
    this.#home = home
  }

  static async of(t: TestContext, where: Where = {}): Promise<TrustingBrowser> {
    const home = await mkdtemp(join(tmpdir(), 'meshbook-phone-'))
    t.after(() => rm(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }))
    await mkdir(join(home, '.pki/nssdb'), { recursive: true })
    const browser = new TrustingBrowser(t, where, home)
    browser.#certutil('-N', '--empty-password')
    return browser
  }

  /** As "Import" under "Authorities" does. */
  trust(file: string): void {
    this.#certutil('-A', '-n', 'Meshbook', '-t', 'C,,', '-i', file)
  }

  /** The same profile each time. */
  async open(width = 390): Promise<{ context: BrowserContext; page: Page }> {
    const rules = Object.entries(this.#where.names ?? {}).map(([name, address]) => `MAP ${name} ${address}`)
    const context = await chromium.launchPersistentContext(join(this.#home, 'profile'), {
      executablePath: await this.#starter(),
      args: [...browserFlags, `--host-resolver-rules=${rules.join(',')}`],
      env: { ...process.env, HOME: this.#home } as Record<string, string>,
      viewport: { width, height: 844 },
      hasTouch: true,
      isMobile: true,
    })
    this.#t.after(() => context.close())
    const page = context.pages()[0] ?? (await context.newPage())
    page.setDefaultTimeout(waitMs)
    return { context, page }
  }

  #certutil(...args: string[]): void {
    execFileSync('certutil', ['-d', `sql:${join(this.#home, '.pki/nssdb')}`, ...args], { timeout: 20_000 })
  }

  async #starter(): Promise<string> {
    const path = join(this.#home, 'chromium')
    const [command, args] = this.#where.command ?? [chromiumPath, []]
    await writeFile(path, `#!/bin/sh\nexec ${[command, ...args].join(' ')} "$@"\n`)
    await chmod(path, 0o755)
    return path
  }
}
