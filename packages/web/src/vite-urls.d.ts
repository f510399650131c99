/** What the bundler makes of these: the address of a file of its own. */
declare module '*.css?url' {
  const url: string
  export default url
}
declare module '*.js?url' {
  const url: string
  export default url
}
declare module '*?worker&url' {
  const url: string
  export default url
}
/** A look that comes with the chunk that imports it. */
declare module '*.css'
