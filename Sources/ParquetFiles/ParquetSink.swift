/// Where the bytes of a file go, from the first to the last.
public protocol ParquetSink: AnyObject {
  /// Takes all of the bytes, which are only valid during the call.
  func write(_ bytes: UnsafeRawBufferPointer) throws
}
