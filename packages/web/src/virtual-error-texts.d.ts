/** The words of the whole catalogue of errors (core/errors.ts), as a chunk of its own. */
declare module 'virtual:error-texts' {
  export const texts: Readonly<Record<string, readonly [message: string, hint: string]>>
}
