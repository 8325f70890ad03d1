/// What the footer says of one column of one group.
struct ChunkMetadata {
  /// Left out where there is nothing to say, or where it would have to be cut short: a reader that trusts a shortened maximum finds fewer rows.
  struct Statistics {
    var nulls: Int
    var range: (minimum: [UInt8], maximum: [UInt8])?
  }

  var encodings: [PageEncoder.StoredEncoding]
  /// Entries of the levels: values, missing ones and empty lists. Not rows.
  var values: Int
  var size: PageEncoder.Size
  var dictionaryAt: Int?
  var dataAt: Int
  var statistics: Statistics?

  func write(_ column: ColumnSchema, codec: Int32, to thrift: inout ThriftCompactWriter) {
    thrift.structure { chunk in
      // Required by the format, and without a meaning since.
      chunk.field(2, int64: 0)
      chunk.field(3) { data in
        data.field(1, int32: column.physical.rawValue)
        data.field(2, listOf: .int32, encodings) { $0.element($1.rawValue) }
        data.field(3, listOf: .binary, column.path) { $0.element($1) }
        data.field(4, int32: codec)
        data.field(5, int64: values)
        data.field(6, int64: size.uncompressed)
        data.field(7, int64: size.compressed)
        data.field(9, int64: dataAt)
        if let dictionaryAt { data.field(11, int64: dictionaryAt) }
        guard let statistics else { return }
        data.field(12) { found in
          found.field(3, int64: statistics.nulls)
          guard let range = statistics.range else { return }
          found.field(5, range.maximum)
          found.field(6, range.minimum)
        }
      }
    }
  }
}
