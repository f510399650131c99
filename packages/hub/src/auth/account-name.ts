/** A name for an account, from what a provider or a person says. It stands in paths, so it is plain (S11). Pure. */
import { limits } from '@meshbook/core/limits.ts'

export function accountName(wished: string): string {
  const plain = wished
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/\.{2,}/g, '.')
    .slice(0, limits.userNameChars)
    .replace(/^[._-]+|[._-]+$/g, '')
  return plain === '' ? 'user' : plain
}
