/** Entry of the R kernel: `node kernel.ts R CONFIG.json`. The protocol is in ../SPEC.md. */
import { serve } from '../child/launch.ts'
import { rLanguage } from './language.ts'

const [r, configPath] = process.argv.slice(2)
serve(configPath!, env => rLanguage(r!, env))
