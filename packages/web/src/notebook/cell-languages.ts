/** The languages that the page offers for a cell. */
export const cellLanguages = ['python', 'bash', 'javascript', 'typescript', 'r', 'julia'] as const
