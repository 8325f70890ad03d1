/// Keeps a file in memory, for tables that are small.
public final class ParquetMemorySink: ParquetSink {
  public private(set) var bytes: [UInt8] = []

  public init() {}

  public func write(_ bytes: UnsafeRawBufferPointer) { self.bytes.append(contentsOf: bytes) }
}
