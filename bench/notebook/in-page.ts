/** What is measured inside a page, the same for every notebook: opening, and keys from the event to the paint after it. */
import type { Page } from 'playwright-core'

export interface Typed {
  /** Milliseconds from the key's event to the frame in which it shows. */
  paints: number[]
  /** Milliseconds that the page was busy with it: handlers and drawing. */
  work: number[]
}

/** Runs in the page before anything of it: a key's event, the frame after it, and the end of that frame. */
export function installClock(): void {
  const clock = { paints: [] as number[], work: [] as number[] }
  Object.assign(globalThis, { benchClock: clock })
  // Frames are not held to the screen's rate, so a blinking cursor would be drawn thousands of times a second.
  const still = new CSSStyleSheet()
  still.replaceSync('*, *::before, *::after { animation: none !important }')
  document.adoptedStyleSheets.push(still)
  addEventListener(
    'keydown',
    event => {
      const pressed = event.timeStamp
      let handled = 0
      const afterHandlers = new MessageChannel()
      afterHandlers.port1.onmessage = () => {
        handled = performance.now() - pressed
      }
      afterHandlers.port2.postMessage(0)
      requestAnimationFrame(() => {
        const began = performance.now()
        const afterFrame = new MessageChannel()
        afterFrame.port1.onmessage = () => {
          const now = performance.now()
          clock.paints.push(now - pressed)
          clock.work.push(handled + now - began)
        }
        afterFrame.port2.postMessage(0)
      })
    },
    { capture: true },
  )
}

const lineKeys = 60

/** Types lines at the cursor, one key every `gapMs`. */
export async function typeKeys(page: Page, keys: number, gapMs: number): Promise<Typed> {
  await page.evaluate(() => {
    const clock = (globalThis as unknown as { benchClock: Typed }).benchClock
    clock.paints.length = 0
    clock.work.length = 0
  })
  for (let at = 0; at < keys; at++) {
    await page.keyboard.press(at % lineKeys === lineKeys - 1 ? 'Enter' : 'x')
    await page.waitForTimeout(gapMs)
  }
  return await page.evaluate(() => (globalThis as unknown as { benchClock: Typed }).benchClock)
}

/** Milliseconds since navigation when an editor with code in it is in view. */
export async function openedMs(page: Page, editor: string): Promise<number> {
  const handle = await page.waitForFunction(
    selector => {
      const found = [...document.querySelectorAll(selector)].some(each => {
        const box = each.getBoundingClientRect()
        return box.height > 0 && box.top < innerHeight && (each.textContent ?? '').includes('part_0')
      })
      return found && performance.now()
    },
    editor,
    { polling: 'raf', timeout: 120_000 },
  )
  return Number(await handle.jsonValue())
}

export async function heapMegabytes(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page)
  await session.send('HeapProfiler.collectGarbage')
  const { usedSize } = await session.send('Runtime.getHeapUsage')
  return usedSize / 1e6
}
