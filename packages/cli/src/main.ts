/**
 * The entry of the `meshbook` command. Compiled sources are cached between starts, which halves the time to start; the
 * cache lies beside the packages, where only those who may change the code can write.
 */
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

enableCompileCache(fileURLToPath(new URL('../../../node_modules/.meshbook/compiled', import.meta.url)))
await import('./program.ts')
