/** Signs a browser in as a person does: opens a link, posts its code, keeps the cookie. */
import { rawRequest } from './raw-request.ts'
import type { TestHub } from './test-hub.ts'

export async function signIn({ hub }: Pick<TestHub, 'hub'>, userAgent = 'test'): Promise<string> {
  const link = await hub.signInLink()
  const answer = await rawRequest(`${hub.url}/api/v1/auth/link`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: new URL(hub.url).origin, 'user-agent': userAgent },
    body: JSON.stringify({ code: new URL(link).hash.slice(1) }),
  })
  const [cookie] = answer.headers['set-cookie'] ?? []
  if (answer.status !== 204 || !cookie) throw new Error(`sign-in failed: ${answer.status} ${answer.text}`)
  return cookie.split(';', 1)[0]!
}
