/** Which packages a notebook's code will miss, and on which device: what the page offers to install (EN5). Pure. */
import { hasPackages } from '@meshbook/core/environments.ts'
import { runtimeFor } from '@meshbook/core/languages.ts'
import type { DeviceInfo, ProjectEnvironment } from '@meshbook/core/messages.ts'

export interface Offer {
  device: DeviceInfo
  environment: ProjectEnvironment
}

export interface OfferFacts {
  devices: readonly DeviceInfo[]
  project: string
  /** What the cells are written in. */
  languages: readonly string[]
  /** The device that cells of a language run on, where that is settled: it has the session, or was chosen. */
  placeOf(language: string): string | undefined
}

/** Nothing is offered where the next run goes to a device that has what it needs. */
export function offersOf({ devices, project, languages, placeOf }: OfferFacts): Offer[] {
  const runtimes = [...new Set(languages.map(runtimeFor))]
  return runtimes.flatMap(language => {
    const place = placeOf(language)
    const known = devices
      .filter(({ id, status }) => status === 'online' && (place === undefined || id === place))
      .flatMap(device =>
        (device.environments ?? [])
          .filter(environment => environment.project === project && environment.language === language)
          .map(environment => ({ device, environment })),
      )
    if (place === undefined && known.some(({ environment }) => hasPackages(environment))) return []
    const missing = known.filter(({ environment }) => !hasPackages(environment))
    return (missing.find(({ environment }) => environment.state === 'making') ?? missing[0]) ? [missing[0]!] : []
  })
}
