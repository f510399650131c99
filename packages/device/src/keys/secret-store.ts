/** Where the secrets of a device are kept: a port with two implementations, files and the system's keychain. */
export type SecretName = 'key' | 'token'

export interface SecretStore {
  readonly kind: 'file' | 'keychain'
  /** Undefined when there is none. Throws KEYCHAIN_SILENT, or the error of the disk, when that cannot be told. */
  read(name: SecretName): Promise<string | undefined>
  /** Resolves when it is durable; until then what was there before can be read. */
  write(name: SecretName, secret: string): Promise<void>
  remove(name: SecretName): Promise<void>
}
