/** Whether this is a small screen under a finger: the app for phones is the better one there. */
export const isPhone = (): boolean => matchMedia('(pointer: coarse) and (max-width: 700px)').matches
