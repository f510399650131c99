import { ip, startOf } from './lab.ts'

/** Whether namespaces with address translation can be made here: it takes root, iptables, and a kernel that allows it. */
export const canNetwork = ((): boolean => {
  const name = `mbnet-${process.pid}-${startOf(process.pid)}-probe`
  try {
    ip('netns', 'add', name)
  } catch {
    return false
  }
  try {
    ip('netns', 'exec', name, 'iptables', '-t', 'nat', '-A', 'POSTROUTING', '-j', 'MASQUERADE')
    return true
  } catch {
    return false
  } finally {
    ip('netns', 'del', name)
  }
})()
