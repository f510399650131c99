/** What changes formats, in a chunk of its own: most visits import and export nothing. */
export { exportText, importFile, type TextFormat } from '@meshbook/core/formats/convert.ts'
export { importedEntries, keptOutputs } from '@meshbook/core/formats/imported-entries.ts'
export { assetsNeeded } from '@meshbook/core/formats/ipynb/to-ipynb.ts'
