#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A part of a file, piece by piece. Not Sendable: one thread at a time.
final class FilePieces {
  /// Of the whole file when it was opened.
  let fileBytes: Int
  private let path: String
  private let descriptor: Int32
  private let end: Int
  private var position: Int
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)

  /// - Parameter range: what is behind the end of the file is left out.
  init(_ path: String, _ range: Range<Int>) throws(ObjectStoreError) {
    self.path = path
    (descriptor, fileBytes) = try LocalFile.open(reading: path)
    (position, end) = (range.lowerBound, min(range.upperBound, fileBytes))
  }

  /// A file that is put into a store, all of it.
  convenience init(source path: String) throws(ObjectStoreError) {
    do throws(ObjectStoreError) { try self.init(path, 0..<Int.max) } catch {
      throw ObjectStoreError(error.code == .notFound ? .invalid : error.code, error.description)
    }
  }

  deinit {
    close(descriptor)
    buffer.deallocate()
  }

  /// Returns the next bytes, which are valid until the next call; `nil` at the end.
  func next() throws(ObjectStoreError) -> UnsafeRawBufferPointer? {
    guard position < end else { return nil }
    let count = try read(at: position, into: UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(end - position)))
    position += count
    return count == 0 ? nil : UnsafeRawBufferPointer(rebasing: buffer[..<count])
  }

  /// Reads some bytes from any place of the file; 0 at its end.
  func read(at position: Int, into target: UnsafeMutableRawBufferPointer) throws(ObjectStoreError) -> Int {
    while true {
      let count = pread(descriptor, target.baseAddress, target.count, off_t(position))
      if count >= 0 { return count }
      guard errno == EINTR else { throw LocalFile.failure("cannot read \(path)") }
    }
  }
}
