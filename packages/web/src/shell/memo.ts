/** A component that is drawn again only when one of its props is another value. */
import { Component, type ComponentType, h } from 'preact'

export function memo<P extends object>(Inner: (props: P) => preact.ComponentChildren): ComponentType<P> {
  return class extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      const keys = new Set([...Object.keys(next), ...Object.keys(this.props)]) as Set<keyof P>
      return [...keys].some(key => next[key] !== (this.props as P)[key])
    }
    override render() {
      return h(Inner as ComponentType<P>, this.props as P)
    }
  }
}
