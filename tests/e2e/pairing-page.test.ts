import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { AxeBuilder } from '@axe-core/playwright'
import type { DeviceRequest } from '@meshbook/core/pairing-api.ts'
import type { Page } from 'playwright-core'
import * as v from 'valibot'
import { openBrowser, signIn } from '../browser.ts'
import { clientOf, eventually, startMesh, temporaryFolder } from '../mesh-process.ts'

const main = join(import.meta.dirname, '../../packages/cli/src/main.ts')
const phone = { width: 390, height: 844, dark: true }

/** Where to put pictures of the pages, for people who want to look at them. */
const pictures = process.env.MESHBOOK_PICTURES

async function check(page: Page, name: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze()
  assert.deepEqual(
    violations.map(({ id, nodes }) => `${name}: ${id} ${nodes[0]?.html}`),
    [],
  )
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  )
  assert.ok(overflow <= 0, `${name} is ${overflow} px too wide`)
  if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`) })
}

/** A line that a command prints with --json. */
async function firstLine(t: TestContext, args: string[], env: NodeJS.ProcessEnv): Promise<Record<string, string>> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args, '--json'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, MESHBOOK_KEYCHAIN: 'off', ...env },
  })
  const ended = new Promise(resolve => child.once('close', resolve))
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
    await ended
  })
  const lines = createInterface({ input: child.stdout })
  return JSON.parse(await new Promise<string>(resolve => lines.once('line', resolve))) as Record<string, string>
}

test('PR7 a phone that opens the QR code is signed in by two digits, by keyboard alone, at 390 px in the dark', async t => {
  const mesh = await startMesh(t, await temporaryFolder(t))
  const desk = await openBrowser(t, { dark: true })
  await signIn(desk.page, mesh)
  await desk.page.goto(`${mesh.url}/devices`)
  await desk.page.getByRole('button', { name: 'Pair a device' }).press('Enter')
  await desk.page.getByRole('img', { name: /QR code/ }).waitFor()
  await check(desk.page, 'pair-code')
  const code = await desk.page.getByLabel('Pairing code').innerText()
  const other = await openBrowser(t, phone)
  await other.page.goto(`${mesh.url}/pair#v1.${code.replace('-', '')}`)
  const digits = (await other.page.locator('output.pair-shown').innerText()).trim()
  assert.match(digits, /^\d\d$/)
  assert.equal(new URL(other.page.url()).hash, '')
  await check(other.page, 'pair-digits-phone')
  const field = desk.page.getByLabel('The two digits that it shows')
  await field.waitFor()
  await check(desk.page, 'pair-enter')
  await field.fill(String((Number(digits) + 1) % 100).padStart(2, '0'))
  await field.press('Enter')
  await desk.page.getByRole('alert').getByText('Read them off the screen').waitFor()
  await check(desk.page, 'pair-wrong')
  await field.fill(digits)
  await field.press('Enter')
  await desk.page.getByText('is signed in.').waitFor()
  await other.page.waitForURL(url => url.pathname === '/')
  await check(desk.page, 'pair-done')
  await desk.page.getByRole('button', { name: 'Done' }).press('Enter')
  // The page asks once whether it is signed in.
  assert.deepEqual(
    other.faults.filter(fault => !fault.includes('401')),
    [],
  )
})

test('PR2 PR6 a typed code that is not valid, a refusal and a cancelled dialog say what to do', async t => {
  const mesh = await startMesh(t, await temporaryFolder(t))
  const desk = await openBrowser(t, phone)
  await signIn(desk.page, mesh)
  const other = await openBrowser(t, phone)
  await other.page.goto(`${mesh.url}/pair`)
  await check(other.page, 'pair-type-phone')
  await other.page.getByLabel('Code').fill('K7Q2')
  await other.page.getByRole('button', { name: 'Continue' }).click()
  await other.page.getByText('eight letters and digits').waitFor()
  await other.page.getByLabel('Code').fill('k7q2 m9xd')
  await other.page.keyboard.press('Enter')
  await other.page.getByRole('alert').getByText('This code is not valid').waitFor()
  await check(other.page, 'pair-invalid-phone')
  await desk.page.goto(`${mesh.url}/devices`)
  await desk.page.getByRole('button', { name: 'Pair a device' }).click()
  const code = await desk.page.getByLabel('Pairing code').innerText()
  await check(desk.page, 'pair-code-phone')
  await other.page.goto(`${mesh.url}/pair#v1.${code.replace('-', '')}`)
  await desk.page.getByRole('button', { name: 'Refuse' }).click()
  await other.page.getByRole('alert').getByText('refused this device').waitFor()
  await desk.page.getByRole('alert').getByText('make a new code').waitFor()
  await desk.page.getByRole('button', { name: 'New code' }).click()
  const second = await desk.page.getByLabel('Pairing code').innerText()
  assert.notEqual(second, code)
  await desk.page.keyboard.press('Escape')
  await other.page.goto('about:blank')
  await eventually('the code is void', async () => {
    await other.page.goto(`${mesh.url}/pair#v1.${second.replace('-', '')}`)
    return other.page.getByText('This code is not valid').isVisible()
  })
})

test('DG2 LR1 a machine is added from its page, by a code that is typed and by the browser of the machine itself', async t => {
  const mesh = await startMesh(t, await temporaryFolder(t))
  const { page, context } = await openBrowser(t, phone)
  const waiting = await firstLine(
    t,
    ['pair', '--hub', mesh.url, '--name', 'rack', '--data', await temporaryFolder(t)],
    {},
  )
  await page.goto(waiting.completeUrl!)
  await page.getByRole('heading', { name: 'Sign in first' }).waitFor()
  await check(page, 'pair-sign-in-first')
  await signIn(await context.newPage(), mesh)
  await page.getByRole('heading', { name: 'Add rack to your devices?' }).waitFor()
  const request = await (await clientOf(mesh)).post('/auth/device/find', { userCode: waiting.userCode }, v.unknown())
  assert.ok((await page.locator('.pair-key').innerText()).includes((request as DeviceRequest).fingerprint))
  await check(page, 'pair-approve-phone')
  await page.getByRole('button', { name: 'Add' }).click()
  await page.getByText('rack is one of your devices').waitFor()

  const screen = { DISPLAY: ':99', CI: '', SSH_CONNECTION: '' }
  const data = await temporaryFolder(t)
  const up = await firstLine(t, ['up', '--hub', mesh.url, '--name', 'laptop', '--data', data], screen)
  await page.goto(up.open!)
  await page.getByRole('heading', { name: 'Add laptop to your devices?' }).waitFor()
  await page.getByRole('button', { name: 'Add' }).click()
  await page.waitForURL(url => url.pathname === '/paired')
  await page.getByText('This machine is one of your devices now').waitFor()
  const names = async () => {
    const { items } = (await (await clientOf(mesh)).get('/devices', v.unknown())) as {
      items: { name: string; status: string }[]
    }
    return items.filter(({ status }) => status === 'online').map(({ name }) => name)
  }
  await eventually('online', async () => (await names()).includes('laptop'))
})
