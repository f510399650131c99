/** The hash that binds a run request to its code: the same bytes in a browser and in Node. */

const encoder = new TextEncoder()

/** SHA-256 of the code's UTF-8 bytes, in lower-case hex. */
export async function codeHash(code: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', encoder.encode(code))
  return Array.from(new Uint8Array(digest), byte => byte.toString(16).padStart(2, '0')).join('')
}
