/**
 * What the hub shows to browsers: the files of the settings, else a certificate of its own authority if it has one. Looks
 * for a newer one and hands it over; what cannot be used changes nothing (TL4, TL5).
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { hostname, networkInterfaces } from 'node:os'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { Now, RandomBytes } from '@meshbook/core/ids.ts'
import type { HubConfig } from '../config.ts'
import type { Log } from '../log.ts'
import { ensureCertificate, readAuthority } from './authority-folder.ts'
import { lanAddresses, type Machine } from './own-names.ts'

export interface Shown {
  cert: string
  key: string
  /** Of whom it is, if the hub has its own. */
  authority?: X509Certificate
}

type TlsConfig = Pick<HubConfig, 'tls' | 'dataFolder' | 'publicUrl'>
interface ShownPorts {
  now: Now
  random: RandomBytes
  log: Log
}

export class ShownCertificate {
  readonly #config: TlsConfig
  readonly #ports: ShownPorts
  #shown: Shown
  #problem = ''

  private constructor(config: TlsConfig, ports: ShownPorts, shown: Shown) {
    this.#config = config
    this.#ports = ports
    this.#shown = shown
  }

  /** Undefined where the hub has no certificate: it speaks plain HTTP to its own machine alone. */
  static async open(config: TlsConfig, ports: ShownPorts): Promise<ShownCertificate | undefined> {
    const shown = await read(config, ports)
    return shown && new ShownCertificate(config, ports, shown)
  }

  get shown(): Shown {
    return this.#shown
  }

  /** Hands a certificate over that is another than before. */
  async look(use: (shown: Shown) => void): Promise<void> {
    try {
      const found = await read(this.#config, this.#ports)
      this.#problem = ''
      if (!found || (found.cert === this.#shown.cert && found.key === this.#shown.key)) return
      use(found)
      this.#shown = found
      this.#ports.log.info({ until: new X509Certificate(found.cert).validTo }, 'a new certificate is shown')
    } catch (thrown) {
      const error = asMeshError(thrown)
      if (this.#problem !== error.message) this.#ports.log.error({ err: error }, 'the certificate cannot be renewed')
      this.#problem = error.message
    }
  }
}

export function thisMachine(publicUrl: string | null): Machine {
  return { hostname: hostname(), interfaces: networkInterfaces(), publicUrl }
}

/** Where a phone of the same network finds a hub that has its own certificate. */
export function lanUrl(port: number): string | undefined {
  const [address] = lanAddresses(thisMachine(null))
  return address && `https://${address.includes(':') ? `[${address}]` : address}:${port}`
}

async function read(config: TlsConfig, { now, random }: ShownPorts): Promise<Shown | undefined> {
  if (config.tls) return checked(await readFiles(config.tls))
  const authority = await readAuthority(config.dataFolder)
  if (!authority) return undefined
  const ports = { dataFolder: config.dataFolder, now: now(), random }
  const { certificate, key } = await ensureCertificate(authority, thisMachine(config.publicUrl), ports)
  const pem = String(key.export({ type: 'pkcs8', format: 'pem' }))
  return { cert: certificate.toString(), key: pem, authority: authority.certificate }
}

async function readFiles({ cert, key }: NonNullable<HubConfig['tls']>): Promise<Shown> {
  const text = async (path: string, setting: string): Promise<string> => {
    try {
      return await readFile(path, 'utf8')
    } catch (cause) {
      throw new MeshError('BAD_CONFIG', { detail: `${setting}: ${path} cannot be read`, cause })
    }
  }
  return { cert: await text(cert, 'MESHBOOK_TLS_CERT'), key: await text(key, 'MESHBOOK_TLS_KEY') }
}

function checked(shown: Shown): Shown {
  const bad = (setting: string, expected: string, cause?: unknown): MeshError =>
    new MeshError('BAD_CONFIG', { detail: `${setting}: expected ${expected}`, cause })
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(shown.cert)
  } catch (cause) {
    throw bad('MESHBOOK_TLS_CERT', 'a certificate in PEM', cause)
  }
  try {
    if (certificate.checkPrivateKey(createPrivateKey(shown.key))) return shown
  } catch (cause) {
    throw bad('MESHBOOK_TLS_KEY', 'a key in PEM, without a passphrase', cause)
  }
  throw bad('MESHBOOK_TLS_KEY', 'the key of the certificate in MESHBOOK_TLS_CERT')
}
