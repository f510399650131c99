/** Where an S3-compatible store is and how to sign for it, from the hub's settings. */
import { MeshError } from '@meshbook/core/errors.ts'

export interface S3Config {
  /** Origin of the service, such as https://s3.eu-central-1.amazonaws.com. */
  endpoint: string
  bucket: string
  region: string
  accessKeyId: string
  secretAccessKey: string
  /** Before every name; empty, or ends in `/`. */
  prefix: string
  /** The bucket is in the path; otherwise it is part of the host name. */
  pathStyle: boolean
}

export const s3Settings = {
  MESHBOOK_S3_ENDPOINT: 'S3-compatible store for files and snapshots, such as https://s3.eu-central-1.amazonaws.com',
  MESHBOOK_S3_BUCKET: 'its bucket',
  MESHBOOK_S3_REGION: 'its region (us-east-1)',
  MESHBOOK_S3_ACCESS_KEY_ID: 'key id that may read, write, list and delete in the bucket',
  MESHBOOK_S3_SECRET_ACCESS_KEY: 'secret of that key',
  MESHBOOK_S3_PREFIX: 'what the names of all objects begin with, such as meshbook/ (nothing)',
  MESHBOOK_S3_PATH_STYLE: 'true puts the bucket into the path, false into the host name (true)',
} as const
type S3Setting = keyof typeof s3Settings

/** Null without an endpoint. No message repeats a value: two of them are secrets. */
export function parseS3(setting: (name: S3Setting) => string | undefined): S3Config | null {
  const endpoint = setting('MESHBOOK_S3_ENDPOINT')
  if (!endpoint) return refuseHalf(setting)
  return {
    endpoint: parseEndpoint(endpoint),
    bucket: matching(setting, 'MESHBOOK_S3_BUCKET', /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'the name of a bucket'),
    region: matching(setting, 'MESHBOOK_S3_REGION', /^[a-z0-9-]{1,40}$/, 'a region such as eu-central-1', 'us-east-1'),
    accessKeyId: matching(setting, 'MESHBOOK_S3_ACCESS_KEY_ID', /^[\w+/=.-]{1,128}$/, 'a key id'),
    secretAccessKey: matching(setting, 'MESHBOOK_S3_SECRET_ACCESS_KEY', /^[\x21-\x7e]{1,256}$/, 'a secret'),
    prefix: matching(
      setting,
      'MESHBOOK_S3_PREFIX',
      /^$|^[a-z0-9_-][a-z0-9._-]*(\/[a-z0-9_-][a-z0-9._-]*)*\/?$/,
      'a prefix such as meshbook/',
      '',
    ).replace(/([^/])$/, '$1/'),
    pathStyle: matching(setting, 'MESHBOOK_S3_PATH_STYLE', /^(true|false)$/, 'true or false', 'true') === 'true',
  }
}

function refuseHalf(setting: (name: S3Setting) => string | undefined): null {
  const other = (Object.keys(s3Settings) as S3Setting[]).find(name => setting(name) !== undefined)
  if (other) throw bad('MESHBOOK_S3_ENDPOINT', `an address, because ${other} is set`)
  return null
}

function matching(
  setting: (name: S3Setting) => string | undefined,
  name: S3Setting,
  pattern: RegExp,
  expected: string,
  absent?: string,
): string {
  const text = setting(name) ?? absent
  if (text !== undefined && pattern.test(text)) return text
  throw bad(name, expected)
}

function parseEndpoint(text: string): string {
  const url = URL.parse(text)
  const plain = url && /^https?:$/.test(url.protocol) && url.pathname === '/' && !url.search && !url.hash
  if (plain && !url.username && !url.password) return url.origin
  throw bad('MESHBOOK_S3_ENDPOINT', 'an origin without a path, such as https://s3.example')
}

function bad(name: S3Setting, expected: string): MeshError {
  return new MeshError('BAD_CONFIG', { detail: `${name}: expected ${expected}` })
}
