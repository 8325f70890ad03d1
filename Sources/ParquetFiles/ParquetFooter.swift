/// The end of a file: its schema, and where everything is.
struct ParquetFooter {
  struct Group {
    var rows: Int
    var chunks: [ChunkMetadata]
  }

  static let magic = "PAR1"

  var columns: [ColumnSchema]
  var groups: [Group]
  var codec: Int32
  var createdBy: String
  var metadata: [(key: String, value: String)]

  /// Appends the footer, its length and the mark.
  func write(to out: ByteBuffer) {
    let start = out.count
    var thrift = ThriftCompactWriter(out)
    thrift.structure { file in
      file.field(1, int32: 2)
      // The root, then each column.
      file.field(2, listOf: .structure, [nil] + columns.map(Optional.some), count: 1 + columns.reduce(0) { $0 + $1.elements }) {
        guard let column = $1 else { return Self.writeRoot(children: columns.count, to: &$0) }
        column.write(to: &$0)
      }
      file.field(3, int64: groups.reduce(0) { $0 + $1.rows })
      file.field(4, listOf: .structure, groups) { write($1, to: &$0) }
      if !metadata.isEmpty {
        file.field(5, listOf: .structure, metadata) { list, entry in
          list.structure { pair in
            pair.field(1, entry.key)
            pair.field(2, entry.value)
          }
        }
      }
      file.field(6, createdBy)
      // Without it, readers do not know how texts are ordered and ignore their range.
      file.field(7, listOf: .structure, columns) { list, _ in list.structure { $0.field(1) { _ in } } }
    }
    out.append(littleEndian: UInt32(out.count - start))
    out.append(Self.magic)
  }

  private static func writeRoot(children: Int, to thrift: inout ThriftCompactWriter) {
    thrift.structure { root in
      root.field(4, "schema")
      root.field(5, int32: Int32(children))
    }
  }

  private func write(_ group: Group, to thrift: inout ThriftCompactWriter) {
    thrift.structure { row in
      row.field(1, listOf: .structure, Array(zip(columns, group.chunks))) { $1.1.write($1.0, codec: codec, to: &$0) }
      row.field(2, int64: group.chunks.reduce(0) { $0 + $1.size.uncompressed })
      row.field(3, int64: group.rows)
    }
  }
}
