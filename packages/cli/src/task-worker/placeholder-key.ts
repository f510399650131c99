/** What clients of models say where a key belongs: the hub puts the key in its place, outside of the sandbox. */
export const placeholderKey = 'the-broker-has-it'
