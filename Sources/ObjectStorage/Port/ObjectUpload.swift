/// An object whose content comes piece by piece. Nobody sees it before `complete`.
///
/// Not Sendable: one thread at a time. Dropping it without `complete` aborts it.
public protocol ObjectUpload: AnyObject {
  /// Takes all of the bytes, which are only valid during the call.
  func write(_ bytes: UnsafeRawBufferPointer) throws(ObjectStoreError)
  /// Makes the object durable and visible, as a whole.
  func complete() throws(ObjectStoreError)
  /// Removes what was written; does nothing after `complete`.
  func abort()
}
