/** Tells when the hub turns a device's token: once it has been asked to, and once the next one is committed. */
import type { HubDatabase } from '../world/hub-host.ts'

export interface DeviceTokenTurn {
  committed: boolean
}

export function countingTurns(turned: (turn: DeviceTokenTurn) => void): (database: HubDatabase) => HubDatabase {
  return database => {
    const call = ((name: string, ...args: unknown[]) => {
      const ask = database.call as (name: string, ...args: unknown[]) => Promise<unknown>
      const answer = ask(name, ...args)
      if (name !== 'turnToken') return answer
      turned({ committed: false })
      return answer.then(told => {
        turned({ committed: true })
        return told
      })
    }) as HubDatabase['call']
    return new Proxy(database, { get: (known, key) => (key === 'call' ? call : bound(known, key)) })
  }
}

function bound(of: object, key: string | symbol): unknown {
  const value: unknown = Reflect.get(of, key)
  return typeof value === 'function' ? value.bind(of) : value
}
