/// What is put into a store. It can be read more than once, because a request may have to be repeated.
public enum ObjectContent: Sendable {
  case bytes([UInt8])
  /// A file that does not change meanwhile; it is never read into memory as a whole.
  case file(path: String)
}
