import CZlib
import Synchronization

/// Compresses bodies quickly (level 1). Its working memory is kept for the next body, because making it costs more than a small body.
final class GzipCompressor: Sendable {
  /// Unchecked: only one thread at a time has it.
  private final class Stream: @unchecked Sendable {
    /// zlib keeps a pointer to it, so it must not move.
    let pointer = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)

    init?() {
      pointer.initialize(to: z_stream())
      let gzipWindowBits: Int32 = 15 + 16
      let memoryLevel: Int32 = 8
      let size = Int32(MemoryLayout<z_stream>.size)
      guard deflateInit2_(pointer, 1, Z_DEFLATED, gzipWindowBits, memoryLevel, Z_DEFAULT_STRATEGY, ZLIB_VERSION, size) == Z_OK else {
        return nil
      }
    }

    deinit {
      deflateEnd(pointer)
      pointer.deallocate()
    }

    func compress(_ body: [UInt8]) -> [UInt8]? {
      guard deflateReset(pointer) == Z_OK else { return nil }
      // What does not become smaller is not worth it, so the output needs no more room than the input.
      let output = [UInt8](unsafeUninitializedCapacity: body.count) { output, count in
        body.withUnsafeBufferPointer { input in
          pointer.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
          pointer.pointee.avail_in = UInt32(input.count)
          pointer.pointee.next_out = output.baseAddress
          pointer.pointee.avail_out = UInt32(output.count)
          count = deflate(pointer, Z_FINISH) == Z_STREAM_END ? Int(pointer.pointee.total_out) : 0
        }
      }
      return output.isEmpty ? nil : output
    }
  }

  private let idleMax: Int
  private let idle = Mutex<[Stream]>([])

  init(idleMax: Int) { self.idleMax = idleMax }

  /// `nil` if the body would not become smaller.
  func compress(_ body: [UInt8]) -> [UInt8]? {
    guard body.count <= 1 << 30, let stream = idle.withLock({ $0.popLast() }) ?? Stream() else { return nil }
    defer { idle.withLock { if $0.count < idleMax { $0.append(stream) } } }
    return stream.compress(body)
  }

  /// Whether the header Accept-Encoding allows gzip.
  static func isAccepted(_ header: String?) -> Bool {
    guard let header else { return false }
    var isOther = false
    for element in header.split(separator: ",") {
      let parts = element.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
      guard let coding = parts.first else { continue }
      let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
      if coding == "gzip" || coding == "x-gzip" { return weight > 0 }
      if coding == "*" { isOther = weight > 0 }
    }
    return isOther
  }

  /// Whether compression makes bodies of this media type smaller.
  static func isWorthwhile(_ contentType: String) -> Bool {
    let type = contentType.prefix { $0 != ";" }
    return type.hasPrefix("text/") || type.hasSuffix("json") || type.hasSuffix("javascript") || type.hasSuffix("xml")
      || type.hasSuffix("ndjson")
  }
}
