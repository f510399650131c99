/** Whether this machine's keychain is to be used: `MESHBOOK_KEYCHAIN=off` is for machines where nobody could unlock it. */
import { MeshError } from '@meshbook/core/errors.ts'
import { anyKeychain, type KeychainUse } from '@meshbook/device/device-key.ts'

export function keychainUse(env: NodeJS.ProcessEnv = process.env): KeychainUse {
  const setting = env.MESHBOOK_KEYCHAIN ?? 'auto'
  if (setting === 'auto' || setting === '') return anyKeychain
  if (setting === 'off') return { use: 'off', because: 'MESHBOOK_KEYCHAIN is off' }
  throw new MeshError('BAD_CONFIG', { detail: `MESHBOOK_KEYCHAIN: expected auto or off, got ${setting.slice(0, 40)}` })
}
