/** Entry of the Julia kernel: `node kernel.ts JULIA CONFIG.json`. The protocol is in ../SPEC.md. */
import { serve } from '../child/launch.ts'
import { juliaLanguage } from './language.ts'

const [julia, configPath] = process.argv.slice(2)
serve(configPath!, env => juliaLanguage(julia!, env))
