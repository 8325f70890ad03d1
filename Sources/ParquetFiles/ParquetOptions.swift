/// How a file is cut and compressed. None of it changes what a reader reads.
public struct ParquetOptions: Sendable, Equatable {
  public enum Compression: Sendable, Equatable {
    case none
    /// Level 1 is the fastest; levels above 3 gain little on tables of ids.
    case zstd(level: Int)
  }

  public var compression = Compression.zstd(level: 1)
  /// A group ends at this many rows, or at `groupBytesMax`, whichever comes first. Its pages are held in memory until it ends.
  public var groupRowsMax = 1 << 20
  /// Bytes of pages and dictionaries that are held before a group is written.
  public var groupBytesMax = 32 << 20
  public var pageRowsMax = 20_000
  /// A page ends before it has more bytes; a value that alone is larger has a page of its own.
  public var pageBytesMax = 1 << 20
  /// A dictionary that would be larger is not extended: the rest of the column's group is written plain.
  public var dictionaryBytesMax = 8 << 20

  public init() {}

  public init(compression: Compression) { self.compression = compression }
}
