/**
 * The XML types of Yjs without what reads and changes them: a document that has one is decoded, kept and encoded as it
 * is. Which number and name each has in an update is Yjs' own (its `ContentType` and `YXml…` modules).
 */
import { AbstractType } from 'yjs'

class Carried extends AbstractType {
  _copy() {
    return new this.constructor(this.name)
  }

  _write(encoder) {
    encoder.writeTypeRef(this.constructor.ref)
    if (this.name !== undefined) encoder.writeKey(this.name)
  }
}

class Named extends Carried {
  constructor(name) {
    super()
    this.name = name
  }
}

export class YXmlElement extends Named {
  static ref = 3
}
export class YXmlFragment extends Carried {
  static ref = 4
}
export class YXmlHook extends Named {
  static ref = 5
}
export class YXmlText extends Carried {
  static ref = 6
}
/** Nothing is ever told of them. */
export class YXmlEvent {}

export const readYXmlElement = decoder => new YXmlElement(decoder.readKey())
export const readYXmlFragment = () => new YXmlFragment()
export const readYXmlHook = decoder => new YXmlHook(decoder.readKey())
export const readYXmlText = () => new YXmlText()
