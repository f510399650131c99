/** A notebook program that is measured. */
import type { BrowserContext, Page } from 'playwright-core'

export type StorageState = Awaited<ReturnType<BrowserContext['storageState']>>

export interface Contender {
  name: string
  /** Selects editors of cells. */
  editor: string
  signIn(context: BrowserContext): Promise<StorageState>
  open(page: Page): Promise<void>
  /** Makes the second cell print without end; resolves when it does. */
  stream(page: Page): Promise<void>
  stopStream(page: Page): Promise<void>
  close(): Promise<void>
}
