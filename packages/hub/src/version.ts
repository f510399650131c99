/** The version of this Meshbook: one for all packages. */
import meta from '../package.json' with { type: 'json' }

export const version: string = meta.version
