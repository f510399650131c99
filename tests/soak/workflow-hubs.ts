/** 200 random workflows at a hub that is killed 60 times in the middle of them (WQ10, WQ12). */

import { workflowHubKills } from '../crash/workflow-hub-kills.ts'
import { temporaryFolder } from '../mesh-process.ts'
import type { Soak } from './main.ts'

export const soak: Soak = async ({ seed, count: graphs = 200, say }) => {
  const closers: (() => unknown)[] = []
  const cleanup = { after: (close: () => unknown) => void closers.unshift(close) }
  try {
    const kills = Math.ceil((graphs * 3) / 10)
    return { ...(await workflowHubKills(seed, await temporaryFolder(cleanup), { graphs, kills }, say)) }
  } finally {
    for (const close of closers) await close()
  }
}
