/** 50 partitions of real processes in network namespaces (NW20–NW23). */
import { canNetwork } from '../network/can-network.ts'
import { partitionRounds } from '../network/partition-rounds.ts'
import type { Soak } from './main.ts'

export const soak: Soak = async ({ seed, count, say }) => {
  if (!canNetwork) throw new Error('network namespaces need root, iptables and a kernel that allows them')
  const closers: (() => void | Promise<void>)[] = []
  try {
    return { ...(await partitionRounds({ after: close => closers.push(close) }, seed, count ?? 50, say)) }
  } finally {
    for (const close of closers) await close()
  }
}
