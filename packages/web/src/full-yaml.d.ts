/** The real package `yaml`, in a bundle where that name means `yaml-when-needed`. */
declare module 'virtual:full-yaml' {
  export { parseDocument } from 'yaml'
}
