/**
 * How many processes live below this one, as far as the system tells (Linux). In a pid namespace without a /proc of its own
 * the numbers are the machine's, so it begins with `self`.
 */
import { readdir, readFile } from 'node:fs/promises'

export async function processesBelow(): Promise<number> {
  const found = new Set<string>()
  for (let fresh = ['self']; fresh.length > 0; ) {
    const children = (await Promise.all(fresh.map(childrenOf))).flat().filter(child => !found.has(child))
    for (const child of children) found.add(child)
    fresh = children
  }
  return found.size
}

async function childrenOf(pid: string): Promise<string[]> {
  const tasks = await readdir(`/proc/${pid}/task`).catch(() => [])
  const lists = await Promise.all(
    tasks.map(task => readFile(`/proc/${pid}/task/${task}/children`, 'latin1').catch(() => '')),
  )
  const children = lists.flatMap(list => list.split(' ').filter(child => child !== ''))
  const live = await Promise.all(children.map(lives))
  return children.filter((_, index) => live[index])
}

async function lives(pid: string): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')
  const state = stat.slice(stat.lastIndexOf(')') + 2)[0]
  return state !== undefined && state !== 'Z' && state !== 'X'
}
