import CZstd

/// Turns the body of a page into its header and its compressed body. One serves all columns of a file.
final class PageEncoder {
  enum Kind {
    case dictionary(values: Int)
    case data(values: Int, StoredEncoding)
  }

  /// The encodings that a file can contain, with their numbers in the format.
  enum StoredEncoding: Int32 {
    case plain = 0
    case runs = 3
    case dictionary = 8
  }

  /// Bytes of a page, its header included.
  struct Size {
    var uncompressed = 0
    var compressed = 0

    static func += (left: inout Size, right: Size) {
      left.uncompressed += right.uncompressed
      left.compressed += right.compressed
    }
  }

  /// The codec's number in the format.
  let codec: Int32
  /// The page that is being made; a column fills it and hands it over at once.
  let body = ByteBuffer()
  /// Bytes of pages and dictionaries that wait for the end of their group.
  let held: UnsafeMutablePointer<Int>

  private let compressor: OpaquePointer?
  private let level: Int32
  private let compressed = ByteBuffer()

  init(_ compression: ParquetOptions.Compression) {
    held = .allocate(capacity: 1)
    held.initialize(to: 0)
    switch compression {
    case .none: (codec, compressor, level) = (0, nil, 0)
    case .zstd(let wanted):
      guard let context = ZSTD_createCCtx() else { preconditionFailure("no memory for zstd") }
      let level = Int32(min(max(wanted, 1), Int(ZSTD_maxCLevel())))
      (codec, compressor, self.level) = (6, context, level)
    }
  }

  deinit {
    if let compressor { ZSTD_freeCCtx(compressor) }
    held.deallocate()
  }

  /// Appends a page to `out`.
  func append(_ bytes: UnsafeRawBufferPointer, _ kind: Kind, to out: ByteBuffer) -> Size {
    let stored = compress(bytes)
    let start = out.count
    var thrift = ThriftCompactWriter(out)
    thrift.structure { header in
      if case .dictionary = kind { header.field(1, int32: 2) } else { header.field(1, int32: 0) }
      header.field(2, int32: Int32(bytes.count))
      header.field(3, int32: Int32(stored.count))
      header.field(4, int32: Int32(bitPattern: CRC32.checksum(stored)))
      switch kind {
      case .data(let values, let encoding):
        header.field(5) { data in
          data.field(1, int32: Int32(values))
          data.field(2, int32: encoding.rawValue)
          data.field(3, int32: StoredEncoding.runs.rawValue)
          data.field(4, int32: StoredEncoding.runs.rawValue)
        }
      case .dictionary(let values):
        header.field(7) { dictionary in
          dictionary.field(1, int32: Int32(values))
          dictionary.field(2, int32: StoredEncoding.plain.rawValue)
        }
      }
    }
    let headerBytes = out.count - start
    out.append(stored)
    return Size(uncompressed: headerBytes + bytes.count, compressed: headerBytes + stored.count)
  }

  private func compress(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    guard let compressor else { return bytes }
    compressed.removeAll(keeping: 4 << 20)
    let bound = ZSTD_compressBound(bytes.count)
    let written = ZSTD_compressCCtx(compressor, compressed.reserve(bound), bound, bytes.baseAddress, bytes.count, level)
    // With room for the worst case, only a lack of memory is left.
    precondition(ZSTD_isError(written) == 0, "zstd: \(String(cString: ZSTD_getErrorName(written)))")
    compressed.advance(written)
    return compressed.bytes
  }
}
